"""A real Redis server for tests: started, stopped, killed and restarted as a test asks."""

import subprocess
from contextlib import suppress
from pathlib import Path

from ml_training.local.redis_server import RedisConfig, RedisError, configure_redis, redis_answers
from tests.support.eventually import eventually

START_SECONDS = 20.0
STOP_SECONDS = 10.0
ATTEMPTS = 3


class RedisServer:
    """A started server; `url` works for redis-py and for Celery."""

    def __init__(self, config: RedisConfig, process: subprocess.Popen[bytes]) -> None:
        self.url = config.url
        self.process = process
        self._config = config

    def alive(self) -> bool:
        """Whether the server answers, and the answer comes from this process."""
        return self.process.poll() is None and redis_answers(self.url, pid=self.process.pid)

    def stop(self) -> None:
        """Ask the server to write its file and exit; kill it after STOP_SECONDS."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start the server again after `stop` or `kill`, with the same URL and the data of its file."""
        self.process = _launch(self._config)


def start_redis(directory: Path, *, port: int | None = None, binary: Path | None = None) -> RedisServer:
    """Start a server on `port` (default: a free port) and wait until it answers; raises RedisError."""
    for attempt in range(1, ATTEMPTS + 1):
        config = configure_redis(directory, port=port, binary=binary)
        try:
            return RedisServer(config, _launch(config))
        except RedisError:
            # Another process may take a free port between the choice and the bind.
            if port is not None or attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _launch(config: RedisConfig) -> subprocess.Popen[bytes]:
    log_path = Path(config.command[1]).with_name("redis.log")
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            config.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for the test run, which stops the server itself
        )

    def answers() -> bool:
        return redis_answers(config.url, pid=process.pid)

    with suppress(AssertionError):
        eventually(lambda: process.poll() is not None or answers(), within=START_SECONDS, every=0.02)
    if answers():
        return process
    process.kill()
    process.wait()
    last = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise RedisError(f"{config.command[0]} did not start: {last[0] if last else 'no output'} (see {log_path})")
