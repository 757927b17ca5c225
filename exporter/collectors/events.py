"""What came over Celery's event channel, and how late."""

import time
from collections.abc import Callable

from exporter import metrics
from exporter.celery_events import EventLog
from exporter.collectors.base import Show
from exporter.event_listener import Listener
from exporter.exposition import Families, sample, samples


def events(log: EventLog, listener: Listener, clock: Callable[[], float] = time.time) -> Show:
    """Events by type since the start, how often the channel broke, the worst lag; `clock` is Unix time."""

    def show(_now: float) -> Families:
        lag = log.lag(clock())  # this machine's clock: it is the one that took the events' arrival
        return {
            metrics.EVENTS: samples(metrics.EVENTS, [((kind,), count) for kind, count in log.counts().items()]),
            metrics.EVENT_GAPS: sample(metrics.EVENT_GAPS, (), listener.gaps),
            metrics.EVENT_LAG: sample(metrics.EVENT_LAG, (), None if lag is None else round(lag, 6)),
        }

    return show
