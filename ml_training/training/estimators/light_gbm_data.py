"""Data sets of LightGBM that are binned part by part, so that no matrix of all rows is ever in memory.

LightGBM's own `Sequence` would read 200,000 sampled rows one by one, and would draw them without the seed of the job.
This class calls the same steps itself: draw the sample, find the bins, push the rows. The bins are those of a data set
that is made from a matrix, bit for bit; `tests/conformance/test_light_gbm_data.py` fails when a later version of the
library bins otherwise.

Rows that were binned before, by this job or another one, are read from a cache. The file holds bins only: labels and
weights are set afterwards, so that jobs with other targets of the same rows share it.
"""

import ctypes
import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.training.binned import NO_BINNED_CACHE, BinnedCache
from ml_training.training.estimators.base import LabelledRows
from ml_training.training.estimators.light_gbm_file import is_complete
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


# Parameters that change trees and not bins. Every other one is part of a cache's key: a name that is missing here only
# makes a job bin its rows again.
NOT_OF_BINS = frozenset(
    {
        "boosting_type",
        "colsample_bytree",
        "deterministic",
        "extra_trees",
        "force_row_wise",
        "learning_rate",
        "max_depth",
        "metric",
        "min_child_weight",
        "min_split_gain",
        "num_class",
        "num_leaves",
        "num_threads",
        "objective",
        "reg_alpha",
        "reg_lambda",
        "subsample",
        "subsample_freq",
        "verbosity",
    }
)


def make_dataset(
    rows: LabelledRows,
    params: dict[str, Any],
    *,
    categories: list[int],
    reference: Any = None,
    binned: BinnedCache = NO_BINNED_CACHE,
) -> Any:
    """The rows as a LightGBM data set, binned in the same way whether they are in memory or not.

    categories: the positions of the columns that hold category codes; reference: the data set whose bins are used;
    binned: where binned rows that are not in memory are kept.
    """
    if isinstance(rows.features, FeatureRows):
        return PartsDataset(rows.features, rows, params, categories=categories, reference=reference, binned=binned)
    return lgb.Dataset(
        rows.features,
        label=rows.y,
        weight=rows.weights,
        reference=reference,
        categorical_feature=categories,
        params=dict(params),
    )


class PartsDataset(lgb.Dataset if lgb is not None else object):  # type: ignore[misc]
    """A data set of feature rows, binned or read from the cache when it is made.

    key: of its file in the cache, None when its bins are not kept; cached: whether they were read from there.
    part_of: all rows of the training, when `source` is a part of them: every part gets the bins of all rows.
    """

    def __init__(
        self,
        source: FeatureRows,
        rows: LabelledRows,
        params: dict[str, Any],
        *,
        categories: list[int],
        reference: Any = None,
        binned: BinnedCache = NO_BINNED_CACHE,
        part_of: FeatureRows | None = None,
    ) -> None:
        named = {"categorical_column": sorted(categories)} if categories else {}
        super().__init__(
            source, reference=reference, categorical_feature=categories, params={**params, **named}, free_raw_data=False
        )
        reference = None if reference is None else reference.construct()
        self._whole = source if part_of is None else part_of
        self.key = self._key(source, binned, reference)
        self.cached = self.key is not None and self._find(self.key, binned)
        if not self.cached:
            self._bin(source, reference)
            if self.key is not None:
                size = source.size + len(source) * rows.y.itemsize
                binned.files.add(self.key, self._save, about_bytes=size)
        self.set_label(rows.y)
        self.set_field("weight", None)  # a data set with a reference that has weights begins with weights of zero
        self.set_weight(rows.weights)
        self.feature_name = self.get_feature_name()

    def get_params(self) -> dict[str, Any]:
        """All parameters; the library's method leaves out the seed, on which the sample depends."""
        return dict(self.params or {})

    def _key(self, source: FeatureRows, binned: BinnedCache, reference: Any) -> str | None:
        """The key of its file; None without a cache, and when the bins are those of rows that have no key."""
        reference_key = None if reference is None else getattr(reference, "key", None)
        if reference is not None and reference_key is None:
            return None
        values = {name: value for name, value in self.get_params().items() if name not in NOT_OF_BINS}
        return binned.key(source, {"params": values, "reference": reference_key})

    def _find(self, key: str, binned: BinnedCache) -> bool:
        """Read the bins from the cache; False when they are not there."""
        with binned.files.find(key) as path:
            return path is not None and self._load(path)

    def _load(self, path: Path) -> bool:
        """Read a verified file; False when the library does not accept it."""
        basic, handle = lgb.basic, ctypes.c_void_p()
        name, params = (text.encode() for text in (str(path), basic._param_dict_to_str(self.params)))
        if basic._LIB.LGBM_DatasetCreateFromFile(name, params, None, ctypes.byref(handle)) != 0:
            return False
        self._handle = handle
        return True

    def _save(self, path: Path) -> None:
        """Write the file; raises OSError, also where the library does not notice that a write failed."""
        try:
            self.save_binary(path)
        except lgb.basic.LightGBMError as error:
            raise OSError(str(error)) from error
        if not is_complete(path):
            raise OSError("LightGBM could not write all of its binned rows: the disk may be full")

    def _bin(self, source: FeatureRows, reference: Any) -> None:
        if reference is None:
            drawn = self._create_sample_indices(total_nrow=len(self._whole))
            values, positions = _without_zeros(self._whole[drawn].read())
            if self._whole is source:
                self._init_from_sample(values, positions, len(drawn), len(source))
            else:
                self._init_part(values, positions, len(drawn), len(source))
        else:
            self._init_from_ref_dataset(len(source), reference._handle)
        for part in slices(len(source), size=ROWS_PER_PART):
            self._push_rows(source[part].read(order="C"))

    def _init_part(
        self, values: list[NDArray[np.float64]], positions: list[NDArray[np.int32]], sampled: int, rows: int
    ) -> None:
        """As `_init_from_sample`, which takes the rows of this data set for all rows there are."""
        basic, handle, columns = lgb.basic, ctypes.c_void_p(), len(values)
        numbers = (ctypes.POINTER(ctypes.c_double) * columns)(*(basic._c_float_array(one)[0] for one in values))
        places = (ctypes.POINTER(ctypes.c_int32) * columns)(*(basic._c_int_array(one)[0] for one in positions))
        counts = np.array([len(one) for one in positions], dtype=np.int32)
        status = basic._LIB.LGBM_DatasetCreateFromSampledColumn(
            ctypes.cast(numbers, ctypes.POINTER(ctypes.POINTER(ctypes.c_double))),
            ctypes.cast(places, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
            ctypes.c_int32(columns),
            basic._c_int_array(counts)[0],
            ctypes.c_int32(sampled),
            ctypes.c_int32(rows),
            ctypes.c_int64(len(self._whole)),
            basic._param_dict_to_str(self.get_params()).encode(),
            ctypes.byref(handle),
        )
        basic._safe_call(status)
        self._handle = handle

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
