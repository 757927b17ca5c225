"""The latest loss of each running training, by the rows that it was computed on."""

from collections.abc import Iterator, Mapping
from typing import Any

from exporter import metrics
from exporter.collectors.base import Collector, Render, always
from exporter.exposition import finite, identifier, samples
from ml_training.db.stats import Stats

MAX_JOBS = 200
SPLITS = ("train", "held_out", "stop")  # the rows learnt from, the held-out ones, and those that decide when to stop
LIFETIME_SECONDS = 60.0  # a job that may have ended since then leaves the page


class LossesCollector(Collector):
    """The losses after the latest reported iteration, of the newest jobs that run; other jobs have none."""

    name = "losses"
    lifetime = LIFETIME_SECONDS

    def collect(self, stats: Stats) -> Render:
        found = stats.running_losses(limit=MAX_JOBS)
        values = [((str(job_id), *key), loss) for job_id, body in found.items() for key, loss in _losses(body)]
        return always({metrics.JOB_LOSS: samples(metrics.JOB_LOSS, values)})


def _losses(body: Any) -> Iterator[tuple[tuple[str, str], float]]:
    """(split, score) and the loss; body: of an event with scores, such as {"iteration": 3, "train_log_loss": 0.2}."""
    for name, value in body.items() if isinstance(body, Mapping) else ():
        split = next((split for split in SPLITS if name.startswith(f"{split}_")), None)
        if split is not None and (loss := finite(value)) is not None:
            yield (split, identifier(name.removeprefix(f"{split}_"))), loss
