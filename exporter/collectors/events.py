"""What came over Celery's event channel, and how late."""

import time
from collections.abc import Callable

from exporter import metrics
from exporter.celery_events import EventConsumer
from exporter.collectors.base import LocalCollector
from exporter.event_listener import EventListener
from exporter.exposition import Families, sample, samples


class EventsCollector(LocalCollector):
    """Events by type since the start, how often the channel broke, the longest lag; `clock` is Unix time."""

    name = "events"

    def __init__(
        self, consumer: EventConsumer, listener: EventListener, clock: Callable[[], float] = time.time
    ) -> None:
        self._consumer = consumer
        self._listener = listener
        self._clock = clock

    def render(self, now: float) -> Families:
        lag = self._consumer.lag(self._clock())  # by this machine's clock: it also took the events' arrival
        counts = [((event_type,), count) for event_type, count in self._consumer.counts().items()]
        return {
            metrics.EVENTS: samples(metrics.EVENTS, counts),
            metrics.EVENT_GAPS: sample(metrics.EVENT_GAPS, (), self._listener.gaps),
            metrics.EVENT_LAG: sample(metrics.EVENT_LAG, (), None if lag is None else round(lag, 6)),
        }
