"""The small parts of the engine: matrix, target scale, curves, progress, warnings."""

import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from ml_training.domain.algorithms import ModelType
from ml_training.domain.errors import Interrupted, StopReason
from ml_training.domain.states import TaskKind
from ml_training.inference.target_scaling import TargetScale
from ml_training.selection.index import ColumnKind
from ml_training.selection.plan import Fold, plan_train
from ml_training.selection.schema import FeatureSchema, Window
from ml_training.training.curves import LearningCurve, classification_curves
from ml_training.training.matrix import LARGEST, MatrixReader
from ml_training.training.scores import Predictions
from ml_training.training.stage_costs import stage_shares
from ml_training.training.stage_progress import StageProgress, slices
from ml_training.training.training_schema import training_schema
from ml_training.training.warnings_log import warnings_logged
from tests.support.training_data import Recorder, boolean, category, integer, job, number, table


def test_the_matrix_holds_numbers_booleans_and_codes_with_nan_for_missing(tmp_path: Path) -> None:
    index = table(
        tmp_path,
        number("n", [1.5, np.nan, 1e308, -1e308]),
        integer("i", [1, -2, 2**63 - 1, 0]),
        boolean("b", [1, -1, 0, 1]),
        category("c", ["z", None, "a", "m"]),
        category("y", ["no", "yes", "no", "yes"]),
    )
    plan = plan_train(job("ridge"), index)
    schema = training_schema(plan, plan.draw_folds().final)
    known = {feature.name: feature.categories for feature in schema.features}["c"]
    matrix = MatrixReader(index, schema.features).read(np.arange(4))
    expected = [
        [1.5, 1, 1, known.index("z") if "z" in known else np.nan],
        [np.nan, -2, np.nan, np.nan],
        [LARGEST, 2.0**63, 0, known.index("a") if "a" in known else np.nan],
        [-LARGEST, 0, 1, known.index("m") if "m" in known else np.nan],
    ]
    np.testing.assert_array_equal(matrix, expected)
    assert np.isfinite(matrix.astype(np.float32)[[0, 2, 3], :2]).all()
    np.testing.assert_array_equal(MatrixReader(index, schema.features).read(np.array([1, 3])), matrix[[1, 3]])


def test_categories_are_those_of_the_training_part_and_are_found_again_in_another_data_set(tmp_path: Path) -> None:
    towns = ["b", "a"] * 10 + ["held out only"]
    index = table(tmp_path, category("town", towns), number("n", np.arange(21)), integer("y", [0, 1] * 10 + [0]))
    plan = plan_train(job("ridge"), index)
    without = training_schema(plan, Fold(np.arange(20), np.arange(0), np.arange(20, 21)))
    assert without.features[0].categories == ("a", "b")
    assert np.isnan(MatrixReader(index, without.features).read(np.array([20]))[0, 0])
    other = table(tmp_path, category("town", ["c", "b", None, "a"]), number("n", np.arange(4)))
    np.testing.assert_array_equal(
        MatrixReader(other, without.features).read(np.arange(4))[:, 0], [np.nan, 1.0, np.nan, 0.0]
    )


@pytest.mark.parametrize(
    "y", [[1e308, -1e308, 0.0], [1e-300, 2e-300, 5e-300], [5.0, 7.0, 9.0]], ids=["huge", "tiny", "plain"]
)
def test_targets_survive_the_way_there_and_back(y: list[float]) -> None:
    values = np.array(y)
    for standardise in (False, True):
        scale = TargetScale.of(values, standardise=standardise)
        learnt = scale.to_model_units(values)
        assert np.abs(learnt).max() < 100
        assert not standardise or np.std(learnt) == pytest.approx(1.0)
        np.testing.assert_allclose(scale.to_data_units(learnt), values, rtol=1e-9, atol=np.abs(values).max() * 1e-12)
        assert TargetScale.from_json(scale.to_json()) == scale
    assert (TargetScale.of(values, standardise=False) == TargetScale()) == (y[0] == 5.0)


def test_a_target_of_one_value_is_only_shifted() -> None:
    assert TargetScale.of(np.full(3, 4.0), standardise=True) == TargetScale(shift=4.0, scale=1.0)
    assert TargetScale.of(np.zeros(3), standardise=True) == TargetScale()


def test_targets_far_from_zero_and_close_together_are_only_shifted() -> None:
    near = np.random.default_rng(0).normal(size=50)
    shifted = TargetScale.of(near + 1e9, standardise=False)
    assert shifted.scale == 1.0, "so that parameters in the units of the target mean what they say"
    assert np.abs(shifted.to_model_units(near + 1e9)).max() < 10
    assert TargetScale.of(near + 1e4, standardise=False) == TargetScale()
    assert TargetScale.of(np.full(3, 1e9), standardise=False) == TargetScale()


def test_curves_have_few_points_and_both_ends() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 20_000)
    chance = 1 / (1 + np.exp(-(y + random.normal(size=20_000))))
    predicted = Predictions(TaskKind.BINARY, 1, np.column_stack([1 - chance, chance]), True)
    curves = classification_curves(y, predicted)
    roc = curves["roc"]
    assert 50 < len(roc["fpr"]) == len(roc["tpr"]) <= 200
    assert (roc["fpr"][0], roc["tpr"][0], roc["fpr"][-1], roc["tpr"][-1]) == (0.0, 0.0, 1.0, 1.0)
    assert roc["threshold"][0] is None  # nobody is taken for positive
    assert roc["threshold"][1:] == sorted(roc["threshold"][1:], reverse=True)
    steps = np.hypot(np.diff(roc["fpr"]), np.diff(roc["tpr"]))
    assert steps.max() < 0.03
    recall = curves["precision_recall"]["recall"]
    assert len(recall) <= 200
    assert {recall[0], recall[-1]} == {0.0, 1.0}
    assert classification_curves(np.zeros(20_000), predicted) == {}


def test_a_long_learning_curve_is_thinned_and_keeps_first_and_last() -> None:
    recorder = Recorder()
    curve = LearningCurve("rmse", recorder, unit=10.0)
    assert curve.to_json() is None
    for iteration in range(1, 5_001):
        curve.record(iteration, train=1.0 / iteration, stop=np.nan if iteration == 1 else 2.0)
    stored = curve.to_json()
    assert stored is not None
    assert len(stored["iteration"]) == len(stored["train"]) == len(stored["stop"]) == 1_000
    assert (stored["iteration"][0], stored["iteration"][-1]) == (1, 5_000)
    assert (stored["train"][0], stored["stop"][0]) == (10.0, None)
    assert recorder.iterations[0] == (1, {"train_rmse": 10.0})
    assert recorder.iterations[1] == (2, {"train_rmse": 5.0, "stop_rmse": 20.0})


def test_progress_never_falls_and_the_eta_is_what_the_measured_rate_says() -> None:
    now = [100.0]
    recorder = Recorder()
    progress = StageProgress(recorder, clock=lambda: now[0])
    progress.stage("reading", until=0.2)
    progress.stage("training", until=0.8)
    now[0] += 10
    progress.step(2, 10, "two of ten")
    progress.step(1, 10, "a smaller number than before")
    progress.step(12, 10, "more than all")
    progress.finish("done")
    assert recorder.fractions == pytest.approx([0.0, 0.2, 0.32, 0.32, 0.8, 1.0])
    assert recorder.etas[:2] == [None, None]
    assert recorder.etas[2] == pytest.approx(10 * 0.68 / 0.12)  # to the end of the job, at the rate of this stage
    assert recorder.etas[-1] == 0.0


def test_the_first_round_ends_the_preparation_whose_time_is_no_rate_of_the_rounds() -> None:
    now = [100.0]
    recorder = Recorder()
    progress = StageProgress(recorder, clock=lambda: now[0])
    progress.set_prefix("split 1 of 2")
    progress.stage("training", until=0.2, then=0.8)
    now[0] += 60
    progress.step(1, 10, "round 1")
    now[0] += 1
    progress.step(2, 10, "round 2")
    progress.set_prefix("")
    progress.stage("scoring", until=1.0)
    assert recorder.fractions == pytest.approx([0.0, 0.26, 0.32, 0.8])
    assert recorder.etas[:2] == [None, None]
    assert recorder.etas[2] == pytest.approx(0.68 / 0.06)
    assert recorder.messages == ["split 1 of 2: training", "split 1 of 2: round 1", "split 1 of 2: round 2", "scoring"]


@pytest.mark.parametrize("model_type", [kind.value for kind in ModelType])
def test_the_stages_of_a_fold_share_it_out(model_type: str) -> None:
    spec = job(model_type)
    features = [
        FeatureSchema("a", ColumnKind.NUMBER),
        FeatureSchema("b", ColumnKind.NUMBER, window=Window("a", 5, "std")),
    ]
    found = stage_shares(spec, features, train=1_000, held_out=200)
    assert 0 < found.read < found.prepared < found.fitted < 1
    assert stage_shares(spec, features, train=1_000, held_out=0).fitted == 1.0
    assert stage_shares(spec, features[:1], train=1_000, held_out=200).read < found.read


def test_a_reason_to_stop_is_raised_at_once() -> None:
    progress = StageProgress(Recorder(stop_at=2))
    progress.stage("reading", until=0.5)
    with pytest.raises(Interrupted) as caught:
        progress.step(1, 2, "half")
    assert caught.value.reason is StopReason.CANCEL


def test_slices_cover_everything_once() -> None:
    assert list(slices(5, size=2)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert list(slices(0, size=2)) == []


def test_warnings_become_log_lines_once_each_even_when_the_fit_fails() -> None:
    recorder = Recorder()

    def fail() -> None:
        with warnings_logged(recorder):
            for _ in range(3):
                warnings.warn("did not converge", RuntimeWarning, stacklevel=1)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert recorder.lines == ["RuntimeWarning: did not converge"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much of a mapped file is in memory")
def test_reading_a_large_data_set_does_not_keep_it_in_memory(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(7), 100_000
    columns = [rng.normal(size=rows) for _ in range(60)]  # 48 MB
    index = table(tmp_path, *(number(f"n{at}", values) for at, values in enumerate(columns)))
    features = [FeatureSchema(f"n{at}", ColumnKind.NUMBER) for at in range(60)]
    reader = MatrixReader(index, features)
    every_50th = np.arange(0, rows, 50)
    np.testing.assert_array_equal(reader.read(every_50th), np.column_stack([values[every_50th] for values in columns]))
    assert 0 < resident_bytes(index.directory) < 36_000_000
    for part in slices(rows, size=10_000):
        matrix = reader.read(np.arange(part.start, part.stop))
        np.testing.assert_array_equal(matrix, np.column_stack([values[part] for values in columns]))
        assert resident_bytes(index.directory) < 36_000_000


def resident_bytes(directory: Path) -> int:
    """How much of the files of a directory is in the memory of this process, because it has mapped and read them."""
    maps = Path("/proc/self/smaps").read_text(encoding="utf-8")
    found = re.findall(rf"^\S+ .*{re.escape(str(directory))}.*\nSize:.*\n(?:.*\n)*?Rss: +(\d+) kB$", maps, re.MULTILINE)
    return sum(int(size) * 1024 for size in found)
