"""The API as it runs, for tests: gunicorn on a free port, and raw connections to it."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.local.ports import free_port
from ml_training.services.resources import Resources, build_resources
from ml_training.settings import Settings
from tests.support.eventually import eventually
from tests.support.fleet import Fleet

LIVE = "/api/v1/health/live"


@dataclass(frozen=True, slots=True)
class Api:
    """A running API, a core over the same database, and a client."""

    fleet: Fleet
    resources: Resources
    port: int
    client: httpx.Client
    tls: ssl.SSLContext | None = None

    @property
    def master(self) -> psutil.Process:
        """The process that was started."""
        return psutil.Process(self.fleet.processes["api"].pid)

    def raw(self, data: bytes) -> socket.socket:
        """A connection on which these bytes were sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_hostname="127.0.0.1")
        connection.sendall(data)
        return connection

    def memory(self) -> list[int]:
        """The resident bytes of each worker process."""
        return [child.memory_info().rss for child in self.master.children()]


@contextmanager
def running_api(
    directory: Path, database_url: str, broker_url: str, *, tls: ssl.SSLContext | None = None, **settings: str
) -> Iterator[Api]:
    """The API on a free port; everything is killed at the end. tls: what its clients trust, if it speaks HTTPS."""
    port = int(settings.get("api_port") or free_port("127.0.0.1"))
    values = {
        "database_url": database_url,
        "broker_url": broker_url,
        "data_dir": str(directory / "data"),
        "api_port": str(port),
        "heartbeat_seconds": "0.2",
        **settings,
    }
    fleet = Fleet(directory, {f"ML_TRAINING_{name.upper()}": value for name, value in values.items()})
    resources = build_resources(
        Settings.model_validate({name: value for name, value in values.items() if "__" not in name})
    ).of(DEFAULT_PROJECT_ID)
    with ExitStack() as stack:
        stack.callback(resources.close)
        stack.callback(fleet.end)
        base_url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        client = stack.enter_context(httpx.Client(base_url=base_url, timeout=70, trust_env=False, verify=tls or True))
        pid = fleet.start("api", "ml_training.api").pid
        eventually(lambda: live(client).get("master_pid") == pid, what="the API answers")
        yield Api(fleet, resources, port, client, tls)


def live(client: httpx.Client) -> dict[str, Any]:
    try:
        response = client.get(LIVE, headers={"Connection": "close"})
    except httpx.TransportError as error:
        raise OSError(str(error)) from error
    found: dict[str, Any] = response.json()
    return found


def read_response(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer on a connection that the server then closes."""
    data = b""
    while chunk := connection.recv(65_536):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split(" ")[1]), headers, body
