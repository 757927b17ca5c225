"""The workers of the service."""

from typing import TYPE_CHECKING

from ml_training.client.errors import Json

if TYPE_CHECKING:
    from ml_training.client.client import Client


class Workers:
    """`client.workers`."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def drain(self, process: str) -> Json:
        """Let a worker hand its jobs back and take no other; process: its name in the list. For operators."""
        return self._client.transport.post(f"/workers/{process}/drain")

    def list(self) -> "list[Json]":
        """Every worker that is alive: slots, version, what it runs."""
        items: list[Json] = self._client.transport.get("/workers")["items"]
        return items
