"""No secret of the settings is seen anywhere but in the files that hold it: a stack with canaries, read whole."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import psutil
import pytest
from redis import Redis

from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer
from tests.support.redis_server import RedisServer, start_redis
from tests.support.stack_process import StackProcess, start_stack

DATABASE_CANARY, BROKER_CANARY = "canary-database-71/@:x", "canary-broker-82/@:x"
CANARIES = [
    canary.encode() for secret in (DATABASE_CANARY, BROKER_CANARY) for canary in (secret, quote(secret, safe=""))
]
SECRET_FILES = {"database.url", "broker.url"}


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis with the canary as its password."""
    server = start_redis(tmp_path / "redis")
    with Redis.from_url(server.url) as client:
        client.config_set("requirepass", BROKER_CANARY)
    yield server
    server.process.kill()
    server.process.wait()


def private(path: Path, text: str) -> str:
    """A file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return str(path)


def seen(texts: dict[str, bytes]) -> list[str]:
    return [place for place, text in texts.items() if any(canary in text for canary in CANARIES)]


def of_processes(stack: StackProcess) -> dict[str, bytes]:
    """Arguments and environments of every process of the stack."""
    found = {}
    for process in stack.descendants():
        for name in ("cmdline", "environ"):
            try:
                found[f"{name} of {process.cmdline()}"] = Path(f"/proc/{process.pid}/{name}").read_bytes()
            except (OSError, psutil.Error):
                continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_stack_with_canaries_shows_none(tmp_path: Path, postgres: PostgresServer, own_redis: RedisServer) -> None:
    postgres.execute("CREATE DATABASE canaries TEMPLATE migrated")
    url, broker = urlsplit(postgres.url("canaries")), urlsplit(own_redis.url)
    variables = {
        "DATABASE_URL": f"postgresql://{url.username}@{url.hostname}:{url.port}{url.path}",
        "DATABASE_PASSWORD_FILE": private(tmp_path / "database", f"{DATABASE_CANARY}\n"),
        "BROKER_URL_FILE": private(
            tmp_path / "broker", f"redis://:{quote(BROKER_CANARY, safe='')}@{broker.hostname}:{broker.port}/0"
        ),
        "LOG_LEVEL": "DEBUG",
        "HEARTBEAT_SECONDS": "0.5",
    }
    data = tmp_path / "data"
    with start_stack(data, **{f"ML_TRAINING_{name}": value for name, value in variables.items()}) as stack:
        stack.wait_until_ready()
        api, exporter = stack.urls
        with Redis.from_url(own_redis.url.replace(str(broker.password), quote(BROKER_CANARY, safe=""))) as client:
            client.config_set("requirepass", "another")
            eventually(
                lambda: "refuses the password" in httpx.get(f"{api}/health/ready").text, what="the password is refused"
            )
            answers = {path: httpx.get(f"{api}{path}").content for path in ("/health/ready", "/jobs", "/nothing")}
            answers |= {"metrics": httpx.get(f"{exporter}/metrics").content}
            doctor = subprocess.run(
                [sys.executable, "-m", "ml_training.cli", "doctor"],
                env={**os.environ, "ML_TRAINING_DATA_DIR": str(data)},
                capture_output=True,
            )
            client.config_set("requirepass", BROKER_CANARY)
        assert seen(answers) == []
        assert seen({"doctor": doctor.stdout + doctor.stderr}) == []
        processes = of_processes(stack)
        assert len(processes) > 10
        assert seen(processes) == []
        files = {str(path): path.read_bytes() for path in data.rglob("*") if path.is_file()}
        assert {Path(path).name for path in seen(files)} == SECRET_FILES, "it can see the canaries where they are"
        assert all((data / name).stat().st_mode & 0o777 == 0o600 for name in SECRET_FILES)
    assert not any((data / name).exists() for name in SECRET_FILES), "nothing stays when it has stopped"
    assert seen({"output": stack.output.encode()}) == []
