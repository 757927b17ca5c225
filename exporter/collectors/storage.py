"""How many data sets and models there are, and the bytes that they take."""

from exporter import metrics
from exporter.collectors.base import Show, always
from exporter.exposition import sample
from ml_training.db.stats import Stats


def ask(stats: Stats) -> Show:
    """The numbers and bytes of what is not deleted."""
    datasets, models = stats.stored_datasets(), stats.stored_models()
    return always(
        {
            metrics.MODELS: sample(metrics.MODELS, (), models.things),
            metrics.ARTIFACT_BYTES: sample(metrics.ARTIFACT_BYTES, (), models.size),
            metrics.DATASETS: sample(metrics.DATASETS, (), datasets.things),
            metrics.DATASET_BYTES: sample(metrics.DATASET_BYTES, (), datasets.size),
        }
    )
