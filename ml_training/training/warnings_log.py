"""Turns the warnings of the libraries into lines of the job's log; a warning never fails the job."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ml_training.training.reporter import TrainingReporter

MAX_LINES = 20


@contextmanager
def warnings_logged(reporter: TrainingReporter) -> Iterator[None]:
    """Collect the warnings of the block and log each different one once, also when the block raises."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            lines = dict.fromkeys(f"{item.category.__name__}: {str(item.message).strip()}" for item in caught)
            for line in list(lines)[:MAX_LINES]:
                reporter.log(line)
