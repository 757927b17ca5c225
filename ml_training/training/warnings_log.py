"""The libraries' warnings as lines of the job's log: news for the user, never a failure."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ml_training.training.reporter import Reporter

SHOWN = 20


@contextmanager
def warnings_logged(reporter: Reporter) -> Iterator[None]:
    """Collect the warnings of the block and log each different one once, also when the block is left by an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            lines = dict.fromkeys(f"{item.category.__name__}: {str(item.message).strip()}" for item in caught)
            for line in list(lines)[:SHOWN]:
                reporter.log(line)
