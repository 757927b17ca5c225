"""Data sets of LightGBM that are binned part by part, so that no matrix of all rows is ever in memory.

LightGBM's own `Sequence` would read 200,000 sampled rows one by one, and would draw them without the seed of the job.
This class calls the same steps itself: draw the sample, find the bins, push the rows. The bins are those of a data set
that is made from a matrix, bit for bit; `tests/conformance/test_light_gbm_data.py` fails when a later version of the
library bins otherwise.
"""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.training.estimators.base import LabelledRows
from ml_training.training.matrix import FeatureRows, Matrix
from ml_training.training.stage_progress import slices

ROWS_PER_PART = 16_384  # of 30 features: 4 MB
NEARLY_ZERO = float(np.float32(1e-35))  # LightGBM's kZeroThreshold: its samples leave out what is not above it


def library() -> Any:
    """The package, None when the machine has no OpenMP runtime: every other algorithm still works."""
    try:
        return importlib.import_module("lightgbm")
    except OSError:
        return None


lgb = library()


def make_dataset(rows: LabelledRows, params: dict[str, Any], *, categories: list[int], reference: Any = None) -> Any:
    """The rows as a LightGBM data set, binned in the same way whether they are in memory or not.

    categories: the positions of the columns that hold category codes; reference: the data set whose bins are used.
    """
    if isinstance(rows.features, FeatureRows):
        return PartsDataset(rows.features, rows, params, categories=categories, reference=reference)
    return lgb.Dataset(
        rows.features,
        label=rows.y,
        weight=rows.weights,
        reference=reference,
        categorical_feature=categories,
        params=dict(params),
    )


class PartsDataset(lgb.Dataset if lgb is not None else object):  # type: ignore[misc]
    """A data set of feature rows, binned when it is made."""

    def __init__(
        self,
        source: FeatureRows,
        rows: LabelledRows,
        params: dict[str, Any],
        *,
        categories: list[int],
        reference: Any = None,
    ) -> None:
        named = {"categorical_column": sorted(categories)} if categories else {}
        super().__init__(
            source, reference=reference, categorical_feature=categories, params={**params, **named}, free_raw_data=False
        )
        self._bin(source, None if reference is None else reference.construct())
        self.set_label(rows.y)
        self.set_field("weight", None)  # a data set with a reference that has weights begins with weights of zero
        self.set_weight(rows.weights)
        self.feature_name = self.get_feature_name()

    def get_params(self) -> dict[str, Any]:
        """All parameters; the library's method leaves out the seed, on which the sample depends."""
        return dict(self.params or {})

    def _bin(self, source: FeatureRows, reference: Any) -> None:
        if reference is None:
            drawn = self._create_sample_indices(total_nrow=len(source))
            values, positions = _without_zeros(source[drawn].read())
            self._init_from_sample(values, positions, len(drawn), len(source))
        else:
            self._init_from_ref_dataset(len(source), reference._handle)
        for part in slices(len(source), size=ROWS_PER_PART):
            self._push_rows(source[part].read(order="C"))

    def _set_init_score_by_predictor(self, predictor: Any, data: FeatureRows, used_indices: None) -> "PartsDataset":
        """Start from the predictions of an earlier model; called by `lightgbm.train` with an `init_model`."""
        parts = slices(len(data), size=ROWS_PER_PART)
        raw = np.concatenate([predictor.predict(data=data[part].read(), raw_score=True) for part in parts])
        self.set_init_score(raw.reshape(len(data), -1).ravel(order="F"))
        return self


def _without_zeros(sample: Matrix) -> tuple[list[NDArray[np.float64]], list[NDArray[np.int32]]]:
    """For each column its values that are not zero, and their positions in the sample."""
    values, positions = [], []
    for column in sample.T:
        kept = np.flatnonzero((np.abs(column) > NEARLY_ZERO) | np.isnan(column))
        values.append(column if len(kept) == len(column) else column[kept])
        positions.append(kept.astype(np.int32))
    return values, positions
