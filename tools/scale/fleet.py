"""The service of a scale run: servers, API, maintenance and exporter on the host CORE, workers on the others."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import redis

from ml_training.db.engine import open_database
from ml_training.db.migrate import migrate
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.services.resources import Resources, build_resources
from ml_training.settings import PREFIX, Settings
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.redis_server import start_redis
from tools.scale.hosts import Hosts
from tools.scale.network import CORE, Network

SLOTS = 2  # of each host
BUCKET = "models"
API_PORT, EXPORTER_PORT, BUCKET_PORT = 8000, 8012, 9000  # free: nothing else is in this namespace
ON_CORE = {
    "api": ("ml_training.api",),
    "exporter": ("exporter",),
    "maintenance-1": ("workers", "maintenance"),
    "maintenance-2": ("workers", "maintenance"),
}


@dataclass
class ScaleFleet:
    """Everything that runs, and a core of the service in this process, which shares nothing with the hosts either."""

    core: Fleet
    hosts: Hosts
    resources: Resources
    settings: Settings
    postgres: PostgresServer

    @property
    def api_url(self) -> str:
        """Where clients talk to; they are on CORE."""
        return f"http://127.0.0.1:{API_PORT}/api/v1"

    def is_ready(self) -> bool:
        """Whether every part answers, and every worker can take jobs."""
        try:
            with httpx.Client(trust_env=False, timeout=5) as client:
                answer = client.get(f"{self.api_url}/health/ready")
                page = client.get(f"http://127.0.0.1:{EXPORTER_PORT}/metrics")
        except httpx.TransportError:
            return False
        all_ready = all(host.is_ready for host in self.hosts.running.values())
        return answer.status_code == 200 and "ml_jobs_total" in page.text and all_ready


@contextmanager
def running_fleet(network: Network, directory: Path, times: dict[str, str], *, hosts: int) -> Iterator[ScaleFleet]:
    """So many worker hosts and CORE, all started and ready; everything is gone afterwards. Runs on CORE."""
    address = network.addresses[CORE]
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server(address=address))
        broker = start_redis(directory / "redis", port=6379)
        stack.callback(broker.stop)
        with redis.Redis.from_url(broker.url) as client:
            client.config_set("bind", f"127.0.0.1 {address}")
        stack.enter_context(_bucket(directory, address))
        database = open_database(postgres.url())
        migrate(database)
        database.dispose()
        on_network = {
            "database_url": postgres.url(),
            "broker_url": broker.url.replace("127.0.0.1", address),
            "storage_url": f"s3://{BUCKET}/service",
            "s3_endpoint": f"http://{address}:{BUCKET_PORT}",
            "s3_region": "us-east-1",
            "s3_access_key_id": "AKIASCALESCALESCALE0",
            "s3_secret_access_key": "known-to-everybody-on-this-network-0000",
            "api_port": str(API_PORT),
            "exporter_port": str(EXPORTER_PORT),
            "worker_concurrency": str(SLOTS),
            "worker_threads": "1",
            **times,
        }
        core = Fleet(directory, _variables(on_network, data_dir=directory / "core"))
        stack.callback(core.end)
        settings = Settings.model_validate({**on_network, "data_dir": str(directory / "desk")})
        resources = build_resources(settings).of(DEFAULT_PROJECT_ID)
        stack.callback(resources.close)
        mount = directory / "host"  # an empty directory here; on each host a file system of its own is at this path
        mount.mkdir()
        fleet = ScaleFleet(
            core,
            Hosts(network, directory, mount, _variables(on_network, data_dir=mount)),
            resources,
            settings,
            postgres,
        )
        stack.callback(fleet.hosts.end)
        for name, command in ON_CORE.items():
            core.start(name, *command)
        for _ in range(hosts):
            fleet.hosts.join()
        eventually(fleet.is_ready, what="every part is ready")
        yield fleet


def _variables(values: dict[str, str], *, data_dir: Path) -> dict[str, str]:
    return {f"{PREFIX}{name.upper()}": value for name, value in {**values, "data_dir": str(data_dir)}.items()}


@contextmanager
def _bucket(directory: Path, address: str) -> Iterator[None]:
    """moto's server with one bucket; it keeps everything in memory."""
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", address, "-p", str(BUCKET_PORT)]
    with (directory / "moto.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def makes_bucket() -> bool:
        socket.create_connection((address, BUCKET_PORT), timeout=1).close()
        with httpx.Client(trust_env=False, timeout=10) as client:
            return client.put(f"http://{address}:{BUCKET_PORT}/{BUCKET}").status_code == 200

    try:
        eventually(makes_bucket, what="the bucket is there")
        yield
    finally:
        process.kill()
        process.wait()


def own_variables() -> dict[str, str]:
    """The environment without settings of the service that somebody may have set."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
