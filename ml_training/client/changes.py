"""What has changed since a client last asked, as the service tells it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_training.client.errors import Json

if TYPE_CHECKING:
    from ml_training.client.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One answer: `items` are {"kind", "id", "seq"}, `running` the progress of running jobs.

    reset: the service does not know the last position any more: load everything again.
    """

    items: list[Json]
    running: list[Json]
    reset: bool
    next: str


class Changes:
    """`client.changes`."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def get(self, after: str | None = None, *, wait: int = 0) -> News:
        """What has changed behind `after`, the `next` of an answer; None: only where one is now.

        wait: how many seconds the service may wait for a change.
        """
        answer = self._client.transport.get("/changes", after=after, wait=wait or None)
        return News(items=answer["items"], running=answer["running"], reset=answer["reset"], next=answer["next"])

    def follow(self, after: str | None = None, *, wait: int = 30) -> Iterator[News]:
        """Every answer that has something to tell, for ever; the first one says `reset`: load what you need then."""
        news = self.get(after)
        yield News(items=news.items, running=news.running, reset=news.reset or after is None, next=news.next)
        while True:
            news = self.get(news.next, wait=wait)
            if news.items or news.reset:
                yield news
