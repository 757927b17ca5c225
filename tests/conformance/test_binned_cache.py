"""A model that is trained from cached bins is, bit for bit, the one that is trained without a cache."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from ml_training.domain.algorithms import LightGBMParams
from ml_training.domain.specs import TrainSpec
from ml_training.domain.states import TaskKind
from ml_training.selection.index import SelectionIndex
from ml_training.storage.file_cache import FileCache
from ml_training.training import fitting
from ml_training.training.binned import BinnedCache
from ml_training.training.engine import TrainedModel
from ml_training.training.estimators import light_gbm_data
from ml_training.training.estimators.base import LabelledRows
from ml_training.training.estimators.light_gbm_data import NOT_OF_BINS, PartsDataset, make_dataset
from ml_training.training.estimators.light_gbm_file import is_complete
from ml_training.training.matrix import FeatureRows, MatrixReader
from tests.support.odd_columns import ODD_ROWS, odd_columns
from tests.support.timed_data import everything, timed, values
from tests.support.training_data import MODEL_CASES, SMALL, Recorder, job, mixed
from tests.support.training_data import trained as trained_in

LIGHTGBM = [task for model_type, task in MODEL_CASES if model_type == "lightgbm"]
PARAMS: dict[str, Any] = {"verbosity": -1, "num_threads": 2, "deterministic": True, "force_row_wise": True, "seed": 1}
DATA = "0" * 64
HIT = "the bins of the features were kept by an earlier job"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every LightGBM job reads its data in parts of 100 rows."""
    monkeypatch.setattr(fitting, "CELLS_IN_MEMORY", 0)
    monkeypatch.setattr(light_gbm_data, "ROWS_PER_PART", 100)


@pytest.fixture
def binnings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the data sets whose rows were read and binned."""
    made: list[int] = []
    plain = PartsDataset._bin

    def noted(self: PartsDataset, source: FeatureRows, reference: Any) -> None:
        made.append(len(source))
        plain(self, source, reference)

    monkeypatch.setattr(PartsDataset, "_bin", noted)
    return made


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    """An empty cache."""
    return FileCache(tmp_path / "cache", limit_bytes=1 << 30, free_bytes=0)


def trained(cache: FileCache, spec: TrainSpec, index: SelectionIndex, **more: Any) -> TrainedModel:
    """What a job with this cache makes."""
    with cache.session() as session:
        model = trained_in(spec, index, binned=BinnedCache(session, DATA), **more)
        session.publish()
    return model


def same(one: TrainedModel, other: TrainedModel) -> bool:
    return (one.artifact, one.scores, one.details) == (other.artifact, other.scores, other.details)


WEIGHTS = {"class_balance": "weights"}
FIELDS = [{}, {"early_stopping_rounds": 3}, WEIGHTS, {"early_stopping_rounds": 3, **WEIGHTS}]
OTHER_BOOSTING: dict[str, Any] = {"n_estimators": 9, "learning_rate": 0.3, "num_leaves": 7, "subsample": 0.7}


@pytest.mark.parametrize(
    "fields", [pytest.param(one, marks=() if one == FIELDS[-1] else pytest.mark.slow) for one in FIELDS], ids=str
)
@pytest.mark.parametrize("task", LIGHTGBM)
def test_the_model_is_the_same_without_a_cache_with_an_empty_one_and_with_a_filled_one(
    tmp_path: Path, cache: FileCache, binnings: list[int], task: TaskKind, fields: dict[str, Any]
) -> None:
    fields = fields if task.is_classification else {k: v for k, v in fields.items() if k != "class_balance"}
    index, spec, recorder = mixed(tmp_path, task), job("lightgbm", **fields), Recorder()
    without = trained_in(spec, index)
    assert binnings
    del binnings[:]
    first = trained(cache, spec, index)
    assert len(binnings) == 2 + ("early_stopping_rounds" in fields)
    del binnings[:]
    second = trained(cache, spec, index, threads=2, reporter=recorder)
    assert same(first, without)
    assert same(second, without)
    assert binnings == []
    assert HIT in recorder.lines
    other = spec.model_copy(update={"params": SMALL["lightgbm"] | OTHER_BOOSTING | {"subsample_freq": 1}})
    assert same(trained(cache, other, index), trained_in(other, index))
    assert len(binnings) == 2 + ("early_stopping_rounds" in fields), "only the one without a cache"


SHARING: dict[str, tuple[TaskKind, dict[str, Any]]] = {
    "other weights": (TaskKind.MULTICLASS, WEIGHTS),
    "other labels": (TaskKind.REGRESSION, {"target": {"column": "age"}}),
}


@pytest.mark.parametrize("what", SHARING)
def test_jobs_with_other_weights_or_other_labels_share_the_bins(
    tmp_path: Path, cache: FileCache, binnings: list[int], what: str
) -> None:
    task, fields = SHARING[what]
    index, features = mixed(tmp_path, task), {"features": ["size", "member"]}
    trained(cache, job("lightgbm", **features), index)
    spec = job("lightgbm", **features, **fields)
    without = trained_in(spec, index)
    del binnings[:]
    assert same(trained(cache, spec, index), without)
    assert binnings == []


@pytest.mark.parametrize(
    ("how", "method"), [("weights", "cross_validation"), ("weights", "time_series"), ("smote", "cross_validation")]
)
def test_every_split_has_bins_of_its_own(
    tmp_path: Path, cache: FileCache, binnings: list[int], how: str, method: str
) -> None:
    index = timed(tmp_path, values(), target="classes")
    spec = job("lightgbm", **everything("lightgbm", how=how, validation={"method": method, "splits": 3}))
    without = trained_in(spec, index)
    assert same(trained(cache, spec, index), without)
    del binnings[:]
    assert same(trained(cache, spec, index, threads=2), without)
    assert bool(binnings) == (how == "smote"), "rows that were made have no positions, so their bins are not kept"


@pytest.mark.parametrize("task", LIGHTGBM)
def test_a_training_that_is_resumed_from_cached_bins_ends_with_the_same_model(
    tmp_path: Path, cache: FileCache, binnings: list[int], task: TaskKind
) -> None:
    index, spec, recorder = mixed(tmp_path, task), job("lightgbm", early_stopping_rounds=4), Recorder(keeps=True)
    once = trained_in(spec, index, reporter=recorder)
    trained(cache, spec, index)
    del binnings[:]
    again = trained(cache, spec, index, checkpoint=recorder.checkpoints[min(recorder.checkpoints)])
    assert (again.artifact, again.scores) == (once.artifact, once.scores)
    assert binnings == []


def binned(index: SelectionIndex, rows: FeatureRows, cache: BinnedCache, **more: Any) -> PartsDataset:
    """The data set of these rows; its label does not matter."""
    labelled = LabelledRows(rows, np.zeros(len(rows)))
    made = make_dataset(labelled, PARAMS | more, categories=_categories(index), binned=cache)
    assert isinstance(made, PartsDataset)
    return made


def _categories(index: SelectionIndex) -> list[int]:
    return [at for at, name in enumerate(index.names) if index.categories(name)]


@pytest.fixture
def rows(tmp_path: Path) -> tuple[SelectionIndex, FeatureRows]:
    """Most rows of odd columns: zeros, tiny numbers, missing values, sparse columns, constants, categories."""
    index, features = odd_columns(tmp_path)
    return index, FeatureRows(MatrixReader(index, features), np.flatnonzero(np.arange(ODD_ROWS) % 5))


def _bytes(dataset: PartsDataset, directory: Path) -> bytes:
    path = directory / "saved"
    path.unlink(missing_ok=True)
    dataset.save_binary(path)
    return path.read_bytes()


OPTIONS: list[dict[str, Any]] = [
    {},
    {"bin_construct_sample_cnt": 500, "max_bin": 15, "min_data_in_leaf": 300},
    {"enable_bundle": False, "min_data_in_bin": 20},
    {"max_bin": 4_096, "min_data_in_leaf": 1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_bins_that_are_read_are_those_that_were_made(
    tmp_path: Path, cache: FileCache, rows: tuple[SelectionIndex, FeatureRows], options: dict[str, Any]
) -> None:
    index, source = rows
    with cache.session() as session:
        made = binned(index, source, BinnedCache(session, DATA), **options)
        session.publish()
        read = binned(index, source, BinnedCache(session, DATA), **options)
    assert (made.cached, read.cached) == (False, True)
    assert _bytes(read, tmp_path) == _bytes(made, tmp_path)


BINNING = {"max_bin": 63, "min_child_samples": 21}
BOOSTING: dict[str, Any] = {
    "learning_rate": 0.5,
    "num_leaves": 5,
    "max_depth": 3,
    "min_child_weight": 1.0,
    "min_split_gain": 0.5,
    "subsample": 0.5,
    "subsample_freq": 1,
    "colsample_bytree": 0.5,
    "reg_alpha": 0.5,
    "reg_lambda": 0.5,
    "boosting_type": "dart",
    "extra_trees": True,
}


def test_every_parameter_of_a_job_is_known_to_change_the_bins_or_not() -> None:
    assert set(LightGBMParams.model_fields) == {"n_estimators", *BINNING, *BOOSTING}
    assert NOT_OF_BINS.isdisjoint(BINNING)


OF_THE_JOB: dict[str, Any] = {
    **BOOSTING,
    "deterministic": False,
    "force_row_wise": False,
    "metric": "auc",
    "num_class": 1,
    "num_threads": 1,
    "objective": "regression",
    "verbosity": 0,
}


@pytest.mark.parametrize("name", sorted(NOT_OF_BINS))
def test_a_parameter_that_is_left_out_of_the_key_does_not_change_the_bins(
    tmp_path: Path, cache: FileCache, rows: tuple[SelectionIndex, FeatureRows], name: str
) -> None:
    index, source = rows
    with cache.session() as session:
        kept = BinnedCache(session, DATA)
        plain, other = binned(index, source, kept), binned(index, source, kept, **{name: OF_THE_JOB[name]})
    assert plain.key == other.key
    assert _bytes(plain, tmp_path) == _bytes(other, tmp_path)


def test_whatever_the_bins_depend_on_changes_the_key(
    cache: FileCache, rows: tuple[SelectionIndex, FeatureRows]
) -> None:
    index, source = rows
    reader, features = source.reader, list(source.reader.features)
    fewer = replace(features[-1], categories=features[-1].categories[:-1])
    shorter = FeatureRows(MatrixReader(index, [*features[:-1], fewer]), source.rows)
    with cache.session() as session:
        kept, key = BinnedCache(session, DATA), binned(index, source, BinnedCache(session, DATA)).key
        others = [
            binned(index, source, BinnedCache(session, "1" * 64)),
            binned(index, source[1:], kept),
            binned(index, FeatureRows(reader, source.rows + (source.rows == 1)), kept),
            binned(index, shorter, kept),
            binned(index, source, kept, seed=2),
            *(binned(index, source, kept, **{name: value}) for name, value in BINNING.items()),
            binned(index, source, kept, some_new_parameter=1),
        ]
        again = binned(index, source, kept).key
        held_out = [
            make_dataset(LabelledRows(source[:100], np.zeros(100)), PARAMS, categories=[], reference=train, binned=kept)
            for train in others[:2]
        ]
    keys = [key, *(other.key for other in (*others, *held_out))]
    assert again == key
    assert len(set(keys)) == len(keys)
    assert None not in keys


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """In the block no file can have more bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.99])
def test_a_disk_that_becomes_full_costs_the_cache_and_not_the_job(
    tmp_path: Path,
    cache: FileCache,
    rows: tuple[SelectionIndex, FeatureRows],
    monkeypatch: pytest.MonkeyPatch,
    share: float,
) -> None:
    index, source = rows
    with cache.session() as session:
        whole = binned(index, source, BinnedCache(session, DATA))
    size = len(_bytes(whole, tmp_path))
    assert is_complete(tmp_path / "saved")
    plain = PartsDataset.save_binary

    def save(self: PartsDataset, path: Path) -> None:
        with full_disk(int(size * share)):
            plain(self, path)

    with cache.session() as session, monkeypatch.context() as patched:
        patched.setattr(PartsDataset, "save_binary", save)
        made = binned(index, source, BinnedCache(session, DATA))
        session.publish()
    assert not any(path.is_file() for path in cache.root.rglob("*"))
    assert _bytes(made, tmp_path) == _bytes(whole, tmp_path)


def test_a_file_that_lacks_its_last_groups_is_not_complete(
    tmp_path: Path, rows: tuple[SelectionIndex, FeatureRows]
) -> None:
    index, source = rows
    with FileCache(tmp_path / "none", limit_bytes=0).session() as session:
        content = _bytes(binned(index, source, BinnedCache(session, DATA)), tmp_path)
    for size in range(0, len(content), 97):
        (tmp_path / "cut").write_bytes(content[:size])
        assert not is_complete(tmp_path / "cut")
    (tmp_path / "cut").write_bytes(content + b"x")
    assert not is_complete(tmp_path / "cut")


def test_a_file_that_the_library_does_not_accept_is_made_again(
    tmp_path: Path, cache: FileCache, rows: tuple[SelectionIndex, FeatureRows]
) -> None:
    index, source = rows
    with cache.session() as session:
        key = binned(index, source, BinnedCache(session, DATA)).key
    assert key is not None
    with cache.session() as session:
        session.add(key, lambda path: _write(path), about_bytes=1)
        session.publish()
        made = binned(index, source, BinnedCache(session, DATA))
    assert not made.cached
    booster = lgb.train(PARAMS | {"objective": "regression"}, made, 1)
    assert booster.current_iteration() == 1


def _write(path: Path) -> None:
    path.write_bytes(b"______LightGBM_Binary_File_Token______\n\0 and nothing else")
