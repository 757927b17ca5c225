"""The whole service as real processes over a real Redis and a real database, each of which can be hurt and healed."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ml_training.db.engine import open_database
from ml_training.db.migrate import migrate
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.local.ports import free_port
from ml_training.services.resources import Resources, build_resources
from ml_training.settings import Settings
from tests.support.fleet import SHORT_TIMES, Fleet
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.proxy import Proxy, proxy_to
from tests.support.redis_server import RedisServer, start_redis
from tests.support.s3_proxy import S3Proxy, s3_proxy_to
from tests.support.s3_server import BUCKET, KEY_ID, SECRET, rclone_server

WORKERS = ("worker-1", "worker-2")
SLOTS = 2  # of each worker
COMMANDS = {
    "api": ("ml_training.api",),
    "exporter": ("exporter",),
    "maintenance-1": ("workers", "maintenance"),
    "maintenance-2": ("workers", "maintenance"),
    **dict.fromkeys(WORKERS, ("workers",)),
}
TIMES = {
    **SHORT_TIMES,
    "lease_seconds": "4",
    "lease_renew_seconds": "0.8",
    "checkpoint_seconds": "0.5",
    "cancel_grace_seconds": "2",
    "drain_grace_seconds": "2",
    "retention_seconds": "0",
    "snapshot_seconds": "0.5",
}
DISK_BYTES = 512 << 20


@dataclass
class Cluster:
    """The processes by name, the servers, and a core that talks to the database past the proxies."""

    directory: Path
    fleet: Fleet
    resources: Resources
    settings: Settings
    redis: RedisServer
    broker_proxy: Proxy
    postgres: PostgresServer | None
    database_proxy: Proxy | None
    bucket_proxy: S3Proxy | None  # None: the storage is a directory
    disk: Path | None  # a small file system of its own, when this machine lets us make one
    unexpected: list[str] = field(default_factory=list)

    @property
    def api_url(self) -> str:
        """Where clients talk to."""
        return f"http://127.0.0.1:{self.settings.api_port}/api/v1"

    def start(self, name: str) -> None:
        """Start one of COMMANDS. With a bucket, each has a data directory of its own, as on a machine of its own."""
        own = self.settings.data_dir / name if self.bucket_proxy else self.settings.data_dir
        self.fleet.start(name, *COMMANDS[name], ML_TRAINING_DATA_DIR=str(own))

    def kill(self, name: str) -> None:
        """kill -9, with everything that it started, and start it again."""
        self.fleet.kill(name)
        self.start(name)

    def terminate(self, name: str, *, grace: float) -> None:
        """SIGTERM, and kill -9 after `grace` seconds; then start it again."""
        process = self.fleet.processes[name]
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            self.fleet.kill(name)
        self.start(name)

    def revive(self) -> None:
        """Start again what has ended by itself, as a supervisor does: some leave when the database is away."""
        for name, process in list(self.fleet.processes.items()):
            if process.poll() is not None:
                self.unexpected.append(f"{name} left with status {process.returncode}")
                self.start(name)

    def thaw(self) -> None:
        """Nothing is stopped any more."""
        for name in list(self.fleet.processes):
            try:
                self.fleet.signal(name, signal.SIGCONT)
            except ProcessLookupError:
                continue

    def children(self, name: str) -> list[psutil.Process]:
        """The pool children of a worker that live now; none while it starts."""
        try:
            return self.fleet.children(name)
        except psutil.Error:
            return []


@contextmanager
def running_cluster(directory: Path, *, database: str, storage: str = "directory") -> Iterator[Cluster]:
    """Everything started, nothing ready yet; everything is gone afterwards."""
    with ExitStack() as stack:
        disk = stack.enter_context(_small_disk(directory / "data"))
        redis = start_redis(directory / "redis")
        stack.callback(redis.stop)
        broker_proxy = stack.enter_context(proxy_to(_port_of(redis.url)))
        postgres, database_proxy = None, None
        url = direct = f"sqlite:///{directory / 'data' / 'jobs.db'}"
        if database == "postgresql":
            postgres = stack.enter_context(postgres_server())
            database_proxy = stack.enter_context(proxy_to(postgres.port))
            direct = postgres.url()
            url = direct.replace(f":{postgres.port}/", f":{database_proxy.port}/")
        _migrate(direct)
        bucket_proxy, of_bucket, of_bucket_itself = None, dict[str, str](), dict[str, str]()
        if storage == "bucket":
            server = stack.enter_context(rclone_server(directory))
            bucket_proxy = stack.enter_context(s3_proxy_to(server.port))
            of_bucket, of_bucket_itself = _bucket_settings(bucket_proxy.port), _bucket_settings(server.port)
        values = {
            "database_url": url,
            "broker_url": redis.url.replace(f":{_port_of(redis.url)}/", f":{broker_proxy.port}/"),
            "data_dir": str(directory / "data"),
            "api_port": str(free_port()),
            "exporter_port": str(free_port()),
            "worker_concurrency": str(SLOTS),
            "worker_threads": "1",
            **of_bucket,
            **TIMES,
        }
        fleet = Fleet(directory, {f"ML_TRAINING_{name.upper()}": value for name, value in values.items()})
        resources = build_resources(
            Settings.model_validate({**values, **of_bucket_itself, "database_url": direct, "broker_url": redis.url})
        ).of(DEFAULT_PROJECT_ID)
        stack.callback(resources.close)
        stack.callback(fleet.end)
        cluster = Cluster(
            directory,
            fleet,
            resources,
            Settings.model_validate(values),
            redis,
            broker_proxy,
            postgres,
            database_proxy,
            bucket_proxy,
            disk,
        )
        for name in COMMANDS:
            cluster.start(name)
        yield cluster


def _bucket_settings(port: int) -> dict[str, str]:
    return {
        "storage_url": f"s3://{BUCKET}/chaos",
        "s3_endpoint": f"http://127.0.0.1:{port}",
        "s3_access_key_id": KEY_ID,
        "s3_secret_access_key": SECRET,
    }


def _migrate(url: str) -> None:
    database = open_database(url).of(DEFAULT_PROJECT_ID)
    migrate(database)
    database.dispose()


def _port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].partition("/")[0])


@contextmanager
def _small_disk(directory: Path) -> Iterator[Path | None]:
    """A file system of DISK_BYTES at `directory`; None where mounting is not allowed: then no disk is ever full."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(directory)]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        yield None
        return
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextmanager
def cluster_directory(given: Path | None) -> Iterator[Path]:
    """`given`, or a temporary directory that stays there only when the run was not good."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp", ignore_cleanup_errors=True) as path:
        yield Path(path)
