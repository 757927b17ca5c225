"""Whether the broker answers, and how many permits wait in it."""

from exporter import metrics
from exporter.broker import BrokerProbe
from exporter.collectors.base import LocalCollector
from exporter.exposition import Families, sample

PERMITS = ("permits",)


class BrokerCollector(LocalCollector):
    """What the probe saw last; the depth is absent, not 0, while the broker is away."""

    name = "broker"

    def __init__(self, probe: BrokerProbe) -> None:
        self._probe = probe

    def render(self, now: float) -> Families:
        return {
            metrics.BROKER_CONNECTED: sample(metrics.BROKER_CONNECTED, (), int(self._probe.connected)),
            metrics.QUEUE_DEPTH: sample(metrics.QUEUE_DEPTH, PERMITS, self._probe.permits),
        }
