"""Names that a data set does not have, and the column that was probably meant."""

from ml_training.domain.near_misses import did_you_mean
from ml_training.selection.index import SelectionIndex


def no_column(index: SelectionIndex, name: str) -> str:
    """The message for a name that no column has."""
    return f"the data set has no column {name!r}{did_you_mean(name, index.names, quote=chr(39))}"
