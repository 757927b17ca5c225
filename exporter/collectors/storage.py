"""How many data sets and models there are, and the bytes that they take."""

from exporter import metrics
from exporter.collectors.base import Collector, Render, always
from exporter.exposition import sample
from ml_training.db.stats import Stats


class StorageCollector(Collector):
    """The numbers and bytes of what is not deleted."""

    name = "stored"
    share = 0.003  # counting what is stored costs more the more there is

    def collect(self, stats: Stats) -> Render:
        datasets, models = stats.stored_datasets(), stats.stored_models()
        return always(
            {
                metrics.MODELS: sample(metrics.MODELS, (), models.things),
                metrics.ARTIFACT_BYTES: sample(metrics.ARTIFACT_BYTES, (), models.size),
                metrics.DATASETS: sample(metrics.DATASETS, (), datasets.things),
                metrics.DATASET_BYTES: sample(metrics.DATASET_BYTES, (), datasets.size),
            }
        )
