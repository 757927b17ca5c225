"""The property run of one seed: uploads data sets, submits drawn specs, runs the accepted jobs, checks every answer."""

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.property.checks import (
    wrong_with_answer,
    wrong_with_comparison,
    wrong_with_drift,
    wrong_with_explanation,
    wrong_with_model,
    wrong_with_numbers,
    wrong_with_prediction,
    wrong_with_test,
)
from tests.property.invalid_specs import make_invalid
from tests.property.malformed_bodies import JSON_HEADERS, hostile
from tests.property.studies import spoiled, tune_job, wrong_with_study
from tests.property.tables import tables
from tests.property.valid_specs import Body, any_job
from tests.property.visible_facts import KnownData, KnownModel, World
from tests.support.in_process_service import InProcessService, strict

AT_ONCE = 25  # specs sent before the jobs that were accepted run
SLOW_SECONDS = 10.0
REUSING = ("TRAIN", "PREDICT")
RESULTS = {
    "TRAIN": ("models", "model_id"),
    "TEST": ("test-results", "test_result_id"),
    "COMPARE": ("comparisons", "comparison_id"),
    "PREDICT": ("predictions", "prediction_id"),
    "EXPLAIN": ("explanations", "explanation_id"),
    "DRIFT": ("drift-reports", "drift_report_id"),
    "TUNE": ("studies", "study_id"),
}
STUDIES, AGAIN = 0.06, 0.06  # the shares of drawn specs that are studies, and earlier ones again with `reuse`


@dataclass
class Tally:
    """What was seen: counts by kind, and everything that should not be."""

    counts: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)  # accepted jobs that did not complete
    faults: list[str] = field(default_factory=list)  # 5xx
    answers: list[str] = field(default_factory=list)  # refusals that do not help, and answers that are none
    missed: list[str] = field(default_factory=list)  # wrong specs that were not refused for what is wrong
    results: list[str] = field(default_factory=list)  # scores and rows
    broken: list[str] = field(default_factory=list)  # invariants of the database and the files
    slow: list[str] = field(default_factory=list)

    def told(self) -> str:
        """One line."""
        return ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))


def run_property(service: InProcessService, *, seed: int, specs: int) -> Tally:
    """Draw and send so many specs; the last accepted job has run when it returns."""
    rng, tally = random.Random(seed), Tally()
    world = upload_tables(service)
    while tally.counts["drawn"] < specs:
        accepted = [
            number
            for _ in range(min(AT_ONCE, specs - tally.counts["drawn"]))
            if (number := _send(rng, service, world, tally)) is not None
        ]
        service.work()
        for job_id in accepted:
            _check_job(service, world, tally, job_id)
    service.sweep()  # a study that has ended leaves the states of its trials to the sweeper
    tally.broken += service.violations()
    return tally


def upload_tables(service: InProcessService) -> World:
    """Upload every table, and one file that is rejected."""
    ready = []
    for table in tables():
        data, filename = table.file()
        shown = service.upload(data, table.form(), filename=filename)
        assert shown["status"] == "READY", (table.name, shown["reasons"])
        assert [column["name"] for column in shown["profile"]["columns"]] == list(table.columns)
        ready.append(KnownData(table, shown))
    ragged = service.upload(b"a,b\n1,2\n3\n", {"name": "ragged"})
    assert ragged["status"] == "REJECTED"
    return World(ready, rejected=ragged["id"])


def _send(rng: random.Random, service: InProcessService, world: World, tally: Tally) -> int | None:
    """Draw a spec and send it; the job's id when it was accepted."""
    good = _good(rng, world)
    kind, data, headers, pointer = _drawn(rng, world, good)
    began = time.monotonic()
    status, mimetype, answer = service.post(data, headers)
    seconds = time.monotonic() - began
    shown = data[:2_000].decode(errors="replace")
    tally.counts["drawn"] += 1
    tally.counts[f"{kind} {'accepted' if status == 202 else f'refused {status}'}"] += 1
    if seconds > SLOW_SECONDS:
        tally.slow.append(f"{seconds:.1f} s: {shown[:300]}")
    if status >= 500:
        tally.counts["5xx"] += 1
        tally.faults.append(f"{answer[:300]!r}: {shown}")
        return None
    tally.answers += [f"{wrong}: {shown}" for wrong in wrong_with_answer(status, mimetype, answer, _json(data))]
    if kind == "nearly" and (status != 422 or pointer not in _pointers(answer)):
        tally.missed.append(f"{status} without {pointer}, but {answer[:300]!r}: {shown}")
    if status != 202:
        return None
    job = strict(answer)
    if kind == "good" and job["job_type"] in REUSING:
        world.accepted.append(good)
    tally.counts[f"accepted {job['job_type']}"] += 1
    return int(job["id"])


def _good(rng: random.Random, world: World) -> Body:
    """A spec of any type: a study now and then, and one that has been accepted before, to be reused."""
    kind = rng.random()
    if kind < STUDIES:
        return tune_job(rng, world)
    if kind < STUDIES + AGAIN and world.accepted:
        return {**rng.choice(world.accepted), "priority": rng.randint(1, 10), "reuse": True}
    return any_job(rng, world)


def _drawn(rng: random.Random, world: World, good: Body) -> tuple[str, bytes, dict[str, str], str]:
    """(kind, body, headers, pointer of the refusal where it is known)."""
    kind = rng.random()
    if kind < 0.6:
        key = {"Idempotency-Key": f"key-{rng.getrandbits(64)}"} if rng.random() < 0.1 else {}
        return "good", json.dumps(good).encode(), {**JSON_HEADERS, **key}, ""
    if kind < 0.82:
        is_study = good["job_type"] == "TUNE"
        body, pointer = spoiled(rng, good) if is_study else make_invalid(rng, world, good)
        return "nearly", json.dumps(body).encode(), JSON_HEADERS, pointer
    if kind < 0.83:
        return "rejected data", json.dumps({**good, "dataset_id": world.rejected}).encode(), JSON_HEADERS, ""
    data, headers = hostile(rng, good)
    return "hostile", data, headers, ""


def _check_job(service: InProcessService, world: World, tally: Tally, job_id: int) -> None:
    """At a job that was accepted: it has completed, and its result is sound."""
    job = service.get(f"/jobs/{job_id}")
    tally.counts[job["status"]] += 1
    if job["status"] != "COMPLETED":
        tally.failed.append(f"{job['status']} {job['error']}: {json.dumps(job['spec'])}")
        return
    route, name = RESULTS[job["job_type"]]
    status, answer = service.ask(f"/{route}/{job['result'][name]}")
    if status != 200:
        tally.counts["5xx"] += status >= 500
        tally.faults.append(f"{status} for the {job['job_type']} result of {json.dumps(job['spec'])}")
        return
    result = strict(answer)
    spec = job["spec"]
    tally.counts["reused"] += job["reused_from"] is not None
    if job["job_type"] == "TUNE":
        wrong = _wrong_with_study(service, world, tally, job, result)
    elif job["job_type"] == "PREDICT":
        table = None if job["dataset_id"] is None else world.data_of(job["dataset_id"]).table
        preview = service.get(f"/predictions/{result['id']}/preview?limit=200")["items"]
        wrong = list(wrong_with_prediction(result, preview, spec, table))
    else:
        wrong = list(_wrong(job["job_type"], result, spec, world.data_of(job["dataset_id"]).table))
    tally.results += [f"{sentence}: {json.dumps(spec)}" for sentence in wrong]
    if job["job_type"] == "TRAIN":
        world.learn(KnownModel.of(result))


def _wrong_with_study(
    service: InProcessService, world: World, tally: Tally, job: dict[str, Any], study: dict[str, Any]
) -> list[str]:
    trials = service.get(f"/studies/{study['id']}/trials?limit=200")["items"]
    jobs = service.get(f"/jobs?parent_id={job['id']}&limit=200")["items"]
    tally.counts["trials"] += len(trials)
    tally.counts["reused trials"] += sum(one["job_type"] == "TRIAL" and one["reused_from"] is not None for one in jobs)
    model = service.get(f"/models/{study['best_model_id']}")
    spec = model["lineage"]["spec"]
    world.learn(KnownModel.of(model))
    table = world.data_of(study["dataset_id"]).table
    reached = model["scores"]["held_out"][study["metric"]]
    wrong = [] if reached == study["best_score"] else [f"the model reaches {reached}, its trial {study['best_score']}"]
    return [*wrong, *wrong_with_study(study, job["spec"], trials, jobs), *_wrong("TRAIN", model, spec, table)]


def _wrong(job_type: str, result: dict[str, Any], spec: dict[str, Any], table: Any) -> list[str]:
    if job_type == "TRAIN":
        return [*wrong_with_numbers(result["scores"]), *wrong_with_model(result, spec, table)]
    if job_type == "TEST":
        scores = [*wrong_with_numbers(result["scores"]), *wrong_with_numbers(result["degradation"])]
        return [*scores, *wrong_with_test(result, spec, table)]
    if job_type == "EXPLAIN":
        return [*wrong_with_numbers(result["scores"]), *wrong_with_explanation(result, spec, table)]
    if job_type == "DRIFT":
        return list(wrong_with_drift(result, spec, table))
    scores = [wrong for service in result["ranking"] for wrong in wrong_with_numbers(service["scores"])]
    return [*scores, *wrong_with_comparison(result, spec, table)]


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _pointers(answer: bytes) -> set[str]:
    return {error["pointer"] for error in strict(answer).get("errors", [])}
