"""How many data sets there are."""

from exporter import metrics
from exporter.collectors.base import Show, always
from exporter.exposition import sample
from ml_training.db.stats import Stats


def ask(stats: Stats) -> Show:
    """The number of data sets."""
    return always({metrics.DATASETS: sample(metrics.DATASETS, (), stats.count_datasets())})
