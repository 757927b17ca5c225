"""Refuses jobs that would not fit into the memory of a slot, with what to change: an accepted job can run."""

from collections.abc import Callable, Iterator
from typing import Any

from ml_training.domain.algorithms import OLD_NAMES, PARAMS
from ml_training.domain.drift_spec import DriftSpec
from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.explain_spec import ExplainSpec
from ml_training.domain.memory.facts import MemoryEstimate, TrainingFacts
from ml_training.domain.memory.jobs import comparing_rows, explaining, predicting, training
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.specs import CompareSpec, JobSpec, TrainSpec
from ml_training.services.check_cache import Feasibility
from ml_training.services.slots import Slot

MEGABYTE = 1_000_000
THREADS = 2  # that are assumed while no worker says how many it has
MORE = "or give the workers more memory a slot (ML_TRAINING_WORKER_MEMORY_BYTES, ML_TRAINING_WORKER_CONCURRENCY)"
LARGEST = {"max_depth": 64, "max_leaf_nodes": 1_000_000}  # of a parameter that may be None: without a limit


def job_memory(spec: JobSpec, checked: Feasibility, slot: Slot | None) -> MemoryEstimate:
    """The most memory that a job which has passed its check will take."""
    if checked.largest is not None:
        return checked.largest
    if isinstance(spec, TrainSpec) and checked.training is not None:
        threads = THREADS if slot is None else slot.threads
        elsewhere = spec.engine is not None
        return training(checked.training, spec.model_type, spec.params, threads=threads, elsewhere=elsewhere)
    if isinstance(spec, DriftSpec):
        return comparing_rows(checked.models[0], rows=checked.facts.rows, sample=spec.sample_rows)
    if isinstance(spec, ExplainSpec):
        rows = checked.facts.rows
        return explaining(checked.models[0], rows=rows, sample=min(rows, spec.sample_rows))
    return predicting(
        checked.models,
        rows=checked.facts.rows,
        keeps_all=not isinstance(spec, PredictSpec),
        output_columns=checked.output_columns,
    )


def check_memory(spec: JobSpec, checked: Feasibility, slot: Slot | None) -> MemoryEstimate:
    """The estimate; raises Invalid when a slot has less memory."""
    needed = job_memory(spec, checked, slot)
    if slot is None or needed.bytes <= slot.memory:
        return needed
    detail = (
        f"the job would need about {_text(needed.bytes)} while {needed.stage}, and the smallest slot of the workers "
        f"has {_text(slot.memory)} for a job: {'; '.join([*_remedies(spec, checked, needed, slot), MORE])}"
    )
    error = FieldError(_pointer(spec, needed), detail)
    raise Invalid("the job does not fit into the memory of a slot", errors=(error,))


def _pointer(spec: JobSpec, needed: MemoryEstimate) -> str:
    if isinstance(spec, TrainSpec):
        return "/params" if needed.drivers else "/features"
    if isinstance(spec, CompareSpec):
        return "/model_ids"
    if isinstance(spec, DriftSpec) or needed.stage == "explaining":
        return "/sample_rows"
    return spec.model_pointer if isinstance(spec, PredictSpec) else "/model_id"


def _remedies(spec: JobSpec, checked: Feasibility, needed: MemoryEstimate, slot: Slot) -> Iterator[str]:
    """What makes the job fit, the parameters with the largest value that does."""
    facts = checked.training
    if isinstance(spec, DriftSpec):
        yield "use fewer sample_rows"
        return
    if isinstance(spec, ExplainSpec):
        yield "use fewer sample_rows, or a smaller model"
        return
    if not isinstance(spec, TrainSpec) or facts is None:
        yield "use fewer models or fewer rows at a time, or a smaller model"
        return
    for name in needed.drivers:
        largest = _largest_that_fits(spec, facts, name, slot)
        if largest is not None:
            yield f"{name} of at most {largest:,} fits"
    fewer = ["rows", "features"]
    fewer += ["categories of a feature"] if facts.categories else []
    fewer += ["classes of the target"] if facts.classes > 2 else []
    yield f"use fewer {', '.join(fewer[:-1])} or {fewer[-1]}"


def _largest_that_fits(spec: TrainSpec, facts: TrainingFacts, shown: str, slot: Slot) -> int | None:
    names = {new: old for old, new in OLD_NAMES.get(spec.model_type, {}).items()}
    name = names.get(shown, shown)
    value = spec.params[name]
    high = LARGEST.get(name, 0) if value is None else value
    if isinstance(high, list):
        return None

    def fits(tried: int) -> bool:
        params, elsewhere = {**spec.params, name: tried}, spec.engine is not None
        estimate = training(facts, spec.model_type, params, threads=slot.threads, elsewhere=elsewhere)
        return estimate.bytes <= slot.memory

    low = _least(spec, name)
    return _last(fits, low, high) if low < high and fits(low) else None


def _least(spec: TrainSpec, name: str) -> int:
    field = PARAMS[spec.model_type].model_json_schema()["properties"].get(name, {})
    options: list[dict[str, Any]] = [field, *field.get("anyOf", [])]
    return int(next((option["minimum"] for option in options if "minimum" in option), 1))


def _last(fits: Callable[[int], bool], low: int, high: int) -> int:
    """The largest number that fits; `low` does."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _text(count: int) -> str:
    return f"{count / MEGABYTE:,.0f} MB"
