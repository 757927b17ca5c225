"""Holds the history against the tables and the files; knows nothing of the code that wrote them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from ml_training.maintenance.verify import violations
from ml_training.services.resources import Resources
from ml_training.training.checkpoint import RESUMING
from tests.support.exporter import ExporterClient
from tools.chaos.history import History

RESULTS = {
    "TRAIN": "SELECT job_id, artifact_sha256 FROM models",
    "TEST": "SELECT job_id, scores FROM test_results",
    "COMPARE": "SELECT job_id, ranking, significance FROM comparisons",
    "PREDICT": "SELECT job_id, sha256, rows FROM predictions",
    "EXPLAIN": "SELECT job_id, details, rows FROM explanations",
    "DRIFT": "SELECT job_id, details, rows FROM drift_reports",
    "TUNE": """SELECT s.job_id, s.best_trial, s.best_score, s.details, m.artifact_sha256
        FROM studies s JOIN models m ON m.id = s.best_model_id""",
}
TOTALS = """SELECT job_type, label, sum(n) AS n FROM (
    SELECT job_type, label, n FROM ledger_totals WHERE kind = 'terminal'
    UNION ALL SELECT job_type, label, 1 FROM ledger WHERE kind = 'terminal') AS both_parts GROUP BY job_type, label"""
ROWS = """SELECT job_type, status AS label, count(*) AS n FROM jobs
    WHERE status IN ('COMPLETED', 'FAILED', 'CANCELLED') GROUP BY job_type, status"""
# A trial that has lost too many workers counts as one without a score: then the study is another one.
WITHOUT_SCORE = """SELECT t.study_job_id, count(*) FROM trials t JOIN jobs j ON j.id = t.job_id
    WHERE j.error_code = 'poison' GROUP BY t.study_job_id"""
RESUMED = "SELECT count(*) FROM job_events WHERE kind = 'log' AND CAST(body AS TEXT) LIKE :pattern"
LOSSES = """SELECT family, max(n) FROM (
    SELECT coalesce(j.parent_id, j.id) AS family, count(*) AS n FROM lost_attempts l JOIN jobs j ON j.id = l.job_id
    GROUP BY coalesce(j.parent_id, j.id), j.id) AS of_jobs GROUP BY family"""
COUNTED = """SELECT coalesce(sum(n), 0) FROM (SELECT kind, n FROM ledger_totals UNION ALL SELECT kind, 1 FROM ledger)
    AS both_parts WHERE kind = :kind"""
CHARGED = 3  # lost attempts that end a job
Expected = Mapping[str, tuple[Any, ...]]  # by name of the spec: the result of an undisturbed run


@dataclass(frozen=True)
class Guards:
    """How often a run has met the guards that it is about."""

    lost_attempts: int
    refused_writes: int


def count_guards(resources: Resources) -> Guards:
    """By the tables."""
    with resources.database.read() as connection:
        lost = connection.execute(text("SELECT count(*) FROM lost_attempts")).scalar_one()
        refused = connection.execute(text(COUNTED), {"kind": "refused"}).scalar_one()
    return Guards(int(lost), int(refused))


@dataclass
class Findings:
    """Every list is empty after a good run; the numbers say how much has happened."""

    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong_artifacts: list[str] = field(default_factory=list)
    wrong_ends: list[str] = field(default_factory=list)
    counter_errors: list[str] = field(default_factory=list)
    cancels_completed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    completed: int = 0
    cancelled: int = 0
    failed: int = 0
    guards: Guards = Guards(0, 0)
    resumed: int = 0

    def bad(self) -> dict[str, list[str]]:
        """The lists that must be empty, by title."""
        return {
            "lost": self.lost,
            "stuck": self.stuck,
            "doubled": self.doubled,
            "wrong artifacts": self.wrong_artifacts,
            "wrong ends": self.wrong_ends,
            "counter error": self.counter_errors,
            "cancels completed": self.cancels_completed,
            "changed ends": self.changed,
            "other violations": self.violations,
            "wrong answers": self.surprises,
        }


def check(resources: Resources, history: History, *, expected: Expected, exporter_port: int) -> Findings:
    """At a quiet moment, everything running."""
    found = Findings(guards=count_guards(resources))
    with resources.database.read() as connection:
        jobs = {row.id: row for row in connection.execute(text("SELECT * FROM jobs"))}
        results = {row[0]: tuple(row[1:]) for query in RESULTS.values() for row in connection.execute(text(query))}
        found.resumed = connection.execute(text(RESUMED), {"pattern": f"%{RESUMING}%"}).scalar_one()
        losses, without_score = dict(_pairs(connection, LOSSES)), dict(_pairs(connection, WITHOUT_SCORE))
        _count_doubles(connection, found)
    for job_id, spec in history.accepted.items():
        job = jobs.get(job_id)
        if job is None:
            found.lost.append(f"job {job_id} was accepted and is not there")
        elif job.finished_at is None:
            found.stuck.append(f"job {job_id} is {job.status}, attempt {job.attempt}: {job.progress_message}")
        else:
            _judge_end(found, job, history, losses=losses.get(job_id, 0))
            if job.status == "COMPLETED" and job_id not in without_score and results.get(job_id) != expected[spec]:
                found.wrong_artifacts.append(f"job {job_id} ({spec}), attempt {job.attempt}")
    if len(history.accepted) != len(history.tokens):
        found.doubled.append(f"{len(history.tokens)} jobs were wanted, {len(history.accepted)} ids were given")
    _count_extra(found, jobs, history)
    found.changed += history.changed
    found.surprises += [f"{count} x {what}" for what, count in history.surprises.items()]
    found.violations += violations(resources.database, resources.storage, sweep_age_seconds=3600.0)
    check_counters(resources, found, exporter_port=exporter_port)
    return found


def check_counters(resources: Resources, found: Findings, *, exporter_port: int) -> None:
    """The ledger, the rows and the exporter's page say the same number of ends."""
    with resources.database.read() as connection:
        counted = _by_type_and_state(connection, TOTALS)
        rows = _by_type_and_state(connection, ROWS)
    shown = {
        (labels["job_type"], labels["status"]): int(value)
        for found_labels, value in ExporterClient(exporter_port).series().all("ml_jobs_total").items()
        if (labels := dict(found_labels)) and value
    }
    for key in {*counted, *rows, *shown}:
        three = counted.get(key, 0), rows.get(key, 0), shown.get(key, 0)
        if len(set(three)) > 1:
            found.counter_errors.append(f"{key}: ledger {three[0]}, rows {three[1]}, exporter {three[2]}")


def _judge_end(found: Findings, job: Any, history: History, *, losses: int) -> None:
    if job.status == "COMPLETED":
        found.completed += 1
        if job.id in history.cancels:
            found.cancels_completed.append(f"job {job.id}")
    elif job.status == "CANCELLED":
        found.cancelled += 1
        if job.id not in history.cancels_asked:
            found.wrong_ends.append(f"job {job.id} is CANCELLED, and nobody asked")
    else:
        found.failed += 1
        if job.error_code != "poison" or losses < CHARGED:
            found.wrong_ends.append(f"job {job.id}: {job.error_code}, {losses} losses: {job.error_message}")


def _count_doubles(connection: Connection, found: Findings) -> None:
    """A job has one result, and a result belongs to a job."""
    tables = ("models", "test_results", "comparisons", "predictions", "explanations", "drift_reports", "studies")
    union = " UNION ALL ".join(f"SELECT job_id FROM {table}" for table in tables)
    query = f"SELECT job_id, count(*) FROM ({union}) AS results GROUP BY job_id HAVING count(*) > 1"
    found.doubled += [f"job {job_id} has {count} results" for job_id, count in _pairs(connection, query)]


def _count_extra(found: Findings, jobs: Mapping[int, Any], history: History) -> None:
    """Every client had its 202 in the end, so that a row that no 202 names was made twice."""
    asked = (job for job in jobs.values() if job.job_type != "INGEST" and job.parent_id is None)
    extra = [job.id for job in asked if job.id not in history.accepted]
    found.doubled += [f"job {job_id} was accepted by no answer" for job_id in extra]


def _by_type_and_state(connection: Connection, query: str) -> dict[tuple[str, str], int]:
    return {(row.job_type, row.label): int(row.n) for row in connection.execute(text(query))}


def _pairs(connection: Connection, query: str) -> list[tuple[int, int]]:
    return [(int(row[0]), int(row[1])) for row in connection.execute(text(query))]
