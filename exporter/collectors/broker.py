"""Whether the broker answers, and how many permits wait in it."""

from exporter import metrics
from exporter.broker import BrokerProbe
from exporter.collectors.base import Show
from exporter.exposition import Families, sample

PERMITS = ("permits",)


def broker(probe: BrokerProbe) -> Show:
    """What the probe saw last; the depth is absent, not 0, while the broker is away."""

    def show(_now: float) -> Families:
        return {
            metrics.BROKER_CONNECTED: sample(metrics.BROKER_CONNECTED, (), int(probe.connected)),
            metrics.QUEUE_DEPTH: sample(metrics.QUEUE_DEPTH, PERMITS, probe.permits),
        }

    return show
