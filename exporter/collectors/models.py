"""How many models there are, and how good the newest 200 are."""

from exporter import metrics
from exporter.collectors.base import Show, always
from exporter.exposition import sample, samples
from ml_training.db.stats import Stats

MOST_MODELS = 200


def ask(stats: Stats) -> Show:
    """The number of models, and the accuracies of the newest; a regression model has none."""
    newest = stats.newest_models(limit=MOST_MODELS)
    return always(
        {
            metrics.MODELS: sample(metrics.MODELS, (), stats.count_models()),
            metrics.TRAINING_ACCURACY: samples(
                metrics.TRAINING_ACCURACY, [((str(row.id),), row.train_accuracy) for row in newest]
            ),
            metrics.TEST_ACCURACY: samples(
                metrics.TEST_ACCURACY, [((str(row.id),), row.test_accuracy) for row in newest]
            ),
        }
    )
