"""TEST and COMPARE jobs see the labels in the model's own classes, or are refused with every reason."""

from collections.abc import Callable
from typing import Any

import pytest

from ml_training.domain.states import TaskKind
from ml_training.domain.targets import ColumnTarget
from ml_training.selection.index import ColumnKind, SelectionIndex
from ml_training.selection.plan import FeatureSchema, ModelSchema, plan_test

MakeIndex = Callable[..., SelectionIndex]
X = FeatureSchema("x", ColumnKind.NUMBER)
C = FeatureSchema("c", ColumnKind.CATEGORY, ("a", "b"))


def model(*classes: Any, model_id: int = 7, features: tuple[FeatureSchema, ...] = (X,)) -> ModelSchema:
    kinds = {0: TaskKind.REGRESSION, 2: TaskKind.BINARY}
    task = kinds.get(len(classes), TaskKind.MULTICLASS)
    return ModelSchema(model_id, task, ColumnTarget(column="y"), classes or None, features)


@pytest.mark.parametrize(
    ("classes", "target", "codes"),
    [
        (("no", "yes"), ["yes", "no", None, "yes"], [1, 0, 1]),
        (("b", "c", "d"), ["d", "d", "b", None], [2, 2, 0]),
        ((False, True), [True, None, False, True], [1, 0, 1]),
        ((0, 1), [1, 1, 1, 1], [1, 1, 1, 1]),
        ((0, 1), [1.0, None, 0.0, 1.0], [1, 0, 1]),
        ((0.5, 1.5, 9.0), [9.0, 0.5, None, 0.5], [2, 0, 0]),
        ((3, 5, 9), [9, 3, 3, 5], [2, 0, 0, 1]),
        ((), [4, 5, 6, 7], [4.0, 5.0, 6.0, 7.0]),
    ],
)
def test_labels_are_codes_of_the_models_classes(
    make_index: MakeIndex,
    testing_spec: Callable[..., Any],
    classes: tuple[Any, ...],
    target: list[Any],
    codes: list[Any],
) -> None:
    index = make_index({"x": [1.0, 2.0, 3.0, 4.0], "y": target})
    plan = plan_test(testing_spec(), index, [model(*classes)])
    assert plan.labels.y.tolist() == codes
    assert plan.labels.classes == (classes or None)
    assert plan.labels.rows.tolist() == [row for row, value in enumerate(target) if value is not None]
    assert plan.dropped == 4 - len(plan.labels.rows)


@pytest.mark.parametrize(
    ("classes", "target", "word"),
    [
        (("no", "yes"), ["yes", "perhaps", "never"], '"never", "perhaps"'),
        ((0, 1), [0, 1, 2], ": 2"),
        ((0, 1), [0.0, 0.5, None], ": 0.5"),
        ((0, 1), ["0", "1", "1"], "category here, and integer or number"),
        (("0", "1"), [0, 1, 1], "integer here, and category"),
        ((False, True), [0, 1, 1], "integer here, and boolean"),
        ((), [True, False, True], "boolean here"),
        (("no", "yes"), ColumnKind.NUMBER, "number here"),
        ((), ColumnKind.NUMBER, "no value"),
    ],
)
def test_labels_that_the_model_does_not_know_are_refused(
    make_index: MakeIndex,
    testing_spec: Callable[..., Any],
    reasons: Callable[..., dict[str, str]],
    classes: tuple[Any, ...],
    target: Any,
    word: str,
) -> None:
    index = make_index({"x": [1.0, 2.0, 3.0], "y": target})
    found = reasons(plan_test, testing_spec(), index, [model(*classes)])
    assert word in found["/model_id"]


def test_an_unseen_class_outside_the_window_does_no_harm(
    make_index: MakeIndex, testing_spec: Callable[..., Any]
) -> None:
    index = make_index({"x": [1.0, 2.0, 3.0], "y": ["no", "yes", "new"], "p": [1, 1, 2]}, phase_column="p")
    assert plan_test(testing_spec(phases=[1]), index, [model("no", "yes")]).labels.rows.tolist() == [0, 1]


def test_features_must_be_there_in_their_kind_and_whole_numbers_are_numbers(
    make_index: MakeIndex, testing_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    index = make_index({"x": [1, 2, 3], "c": [1.0, 2.0, 3.0], "y": [0, 1, 0]})
    assert len(plan_test(testing_spec(), index, [model(0, 1)]).labels.rows) == 3
    gone = FeatureSchema("gone", ColumnKind.NUMBER)
    assert (
        "number here, and category"
        in reasons(plan_test, testing_spec(), index, [model(0, 1, features=(X, C))])["/model_id"]
    )
    assert "'gone'" in reasons(plan_test, testing_spec(), index, [model(0, 1, features=(gone,))])["/model_id"]


def test_a_category_that_the_model_never_saw_is_no_reason_against(
    make_index: MakeIndex, testing_spec: Callable[..., Any]
) -> None:
    index = make_index({"c": ["a", "z", "b"], "y": [0, 1, 0]})
    assert len(plan_test(testing_spec(), index, [model(0, 1, features=(C,))]).labels.rows) == 3


def test_compared_models_must_mean_the_same(
    make_index: MakeIndex, comparing_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    index = make_index({"x": [1.0, 2.0, 3.0], "y": [0, 1, 0]})
    first = model(0, 1)
    assert plan_test(comparing_spec(), index, [first, model(0, 1, model_id=8)]).labels.positive == 1
    for other in (
        model(0, 1, 2, model_id=8),
        model(model_id=8),
        ModelSchema(8, first.task, ColumnTarget(column="z"), (0, 1), (X,)),
    ):
        found = reasons(plan_test, comparing_spec(), index, [first, other])
        assert list(found) == ["/model_ids/1"]
        assert "model 8 predicts something else" in found["/model_ids/1"]


def test_a_comparison_says_everything_at_once(
    make_index: MakeIndex, comparing_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    index = make_index({"x": [1.0, 2.0, 3.0], "y": [0, 1, 0]})
    spec = comparing_spec(metric="rmse", phases=[1], test_start="2026-01-01T00:00:00Z")
    found = reasons(plan_test, spec, index, [model(0, 1), model(0, 1, model_id=8, features=(X, C))])
    assert set(found) == {"/metric", "/phases", "/test_start", "/model_ids/1"}


@pytest.mark.parametrize("schema", [model(), model("a", "b", "c", features=(X, C)), model(False, True)])
def test_a_schema_survives_its_json(schema: ModelSchema) -> None:
    assert ModelSchema.from_json(schema.to_json(), model_id=7) == schema
