"""One case: a spec on a data set, its estimate, and what the real engine takes in a process of its own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ml_training.domain.errors import Invalid
from ml_training.domain.memory.batches import InputShape
from ml_training.domain.memory.facts import MemoryEstimate
from ml_training.domain.memory.jobs import ModelFacts, predicting, training
from ml_training.domain.specs import TestSpec, TrainSpec
from ml_training.selection.index import SelectionIndex
from ml_training.selection.memory_facts import training_facts
from ml_training.selection.plan import TrainPlan, plan_test, plan_train
from ml_training.selection.schema import ModelSchema
from ml_training.training import engine
from ml_training.training.cores import FixedCores
from ml_training.training.reporter import SilentReporter
from tools.memory.measuring import Measured, peak_of

SLACK = 1.25  # allocations fail above this multiple of the slot, as in a worker


@dataclass(frozen=True, slots=True)
class Case:
    """A job and its figures; bytes."""

    data: str
    what: str
    estimate: int
    stage: str
    measured: Measured

    @property
    def ratio(self) -> float:
        """Estimate by peak."""
        return self.estimate / max(1, self.measured.peak)


@dataclass(frozen=True, slots=True)
class Conditions:
    """slot: bytes that a job may take; begin: address space that the process has before it."""

    slot: int
    begin: int
    threads: int
    most_seconds: float
    directory: Path


def describe(spec: TrainSpec) -> str:
    """The spec in a line."""
    fields = {name: value for name, value in spec.params.items() if value is not None}
    more = [] if spec.validation.method == "holdout" else [f"{getattr(spec.validation, 'splits', 1)} splits"]
    more += ["early stopping"] if spec.early_stopping_rounds else []
    more += [spec.calibration] if spec.calibration != "none" else []
    return f"{spec.model_type.value} {json.dumps(fields)} {' '.join(more)}".strip()


def plan_of(spec: TrainSpec, index: SelectionIndex) -> TrainPlan | None:
    """The plan; None when the data refuse the spec."""
    try:
        return plan_train(spec, index)
    except Invalid:
        return None


def estimate_of(plan: TrainPlan, threads: int) -> MemoryEstimate:
    """As the API estimates it."""
    return training(training_facts(plan), plan.spec.model_type, plan.spec.params, threads=threads)


def run(data: str, plan: TrainPlan, conditions: Conditions, *, also_test: bool) -> Iterator[Case]:
    """The TRAIN, and a TEST of its model on the same rows; nothing for a job that would be refused."""
    spec, estimate = plan.spec, estimate_of(plan, conditions.threads)
    if estimate.bytes > conditions.slot:
        return
    place = conditions.directory / "model"

    def train() -> None:
        cores = FixedCores(conditions.threads)
        model = engine.train(plan, reporter=SilentReporter(), cores=cores)
        place.with_suffix(".zip").write_bytes(model.artifact)
        about = {"schema": model.schema, "scores": model.scores, "unpacked": model.details["unpacked_bytes"]}
        place.with_suffix(".json").write_text(json.dumps(about))

    measured = _measure(train, conditions)
    yield Case(data, f"TRAIN {describe(spec)}", estimate.bytes, estimate.stage, measured)
    if also_test and not measured.error:
        yield from _test(data, plan, conditions, place)


def _test(data: str, trained: TrainPlan, conditions: Conditions, place: Path) -> Iterator[Case]:
    about = json.loads(place.with_suffix(".json").read_text())
    schema = ModelSchema.from_json(about["schema"], model_id=1)
    size = place.with_suffix(".zip").stat().st_size
    texts = tuple(len(feature.categories) + 1 for feature in schema.features if feature.categories)
    model = ModelFacts(
        model_type=trained.spec.model_type,
        memory=about["unpacked"],
        artifact=size,
        shape=InputShape(trained.largest_fit, len(schema.features), texts, len(schema.classes or "1")),
        hidden=tuple(trained.spec.params.get("hidden_layer_sizes", ())),
    )
    plan = plan_test(TestSpec(job_type="TEST", model_id=1, dataset_id=1), trained.index, [schema])
    estimate = predicting([model], rows=len(plan.labels.rows), keeps_all=True)
    if estimate.bytes > conditions.slot:
        return

    def test() -> None:
        loaded = engine.load_model(place.with_suffix(".zip").read_bytes(), model_id=1)
        cores = FixedCores(conditions.threads)
        engine.test(loaded, plan, model_scores=about["scores"], overlap=True, reporter=SilentReporter(), cores=cores)

    what = f"TEST of {describe(trained.spec)}"
    yield Case(data, what, estimate.bytes, estimate.stage, _measure(test, conditions))


def _measure(work: object, conditions: Conditions) -> Measured:
    assert callable(work)
    most = int(SLACK * (conditions.slot + conditions.begin))
    return peak_of(work, most_seconds=conditions.most_seconds, most_bytes=most)
