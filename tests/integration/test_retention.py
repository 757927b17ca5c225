"""Old jobs are forgotten in batches; counters, results, young jobs and their keys stay."""

import pytest
from sqlalchemy import insert, select, text

from ml_training.db import idempotency, ledger, retention
from ml_training.db.idempotency import KeptAnswer
from ml_training.db.job_events import append_events
from ml_training.db.stats import open_stats
from ml_training.db.tables import idempotency_keys, job_events, jobs, lost_attempts
from ml_training.maintenance import cleanup
from ml_training.services.resources import Resources
from tests.support.scenario import Scenario, open_scenario

DAY = 86_400.0


@pytest.fixture
def scenario(resources: Resources) -> Scenario:
    """Five jobs that ended ten days ago, one that ended now, one that runs and one that waits, each with a key."""
    scenario = open_scenario(resources.database)
    for _ in range(5):
        old = scenario.job(created=10 * DAY + 100)
        scenario.start(old, ago=10 * DAY + 50)
        scenario.end(old, "COMPLETED", ago=10 * DAY)
        scenario.model(old, scenario.dataset()) if old == 1 else None
    young, running = scenario.job(created=50.0), scenario.job(created=20 * DAY)
    scenario.start(young, ago=40.0)
    scenario.end(young, "FAILED", ago=1.0)
    scenario.start(running, ago=19 * DAY)
    scenario.job(created=20 * DAY)
    with resources.database.write() as connection:
        ids = list(connection.execute(select(jobs.c.id)).scalars())
        for job_id in ids:
            append_events(connection, job_id=job_id, attempt=1, events=[("log", {"line": "hello"})])
            outcome = [{"job_id": job_id}, {"errors": []}]
            connection.execute(
                insert(idempotency_keys).values(
                    key=f"key {job_id}", fingerprint="f", outcome=outcome, created_at=scenario.base - 20 * DAY
                )
            )
        connection.execute(
            insert(lost_attempts).values(job_id=1, attempt=1, reason="worker_lost", lost_at=scenario.base)
        )
        idempotency.keep_answers(connection, {"both": KeptAnswer("f", [{"job_id": 1}, {"job_id": 6}])})
        connection.execute(idempotency_keys.update().values(created_at=scenario.base - 20 * DAY))
    return scenario


def totals(resources: Resources) -> list[tuple[str, str, int]]:
    with open_stats(resources.database) as stats:
        return sorted((row.job_type, row.label, row.n) for row in stats.ledger() if row.kind == "terminal")


def test_old_jobs_go_in_batches_and_no_counter_falls(
    resources: Resources, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "RETENTION_BATCH", 2)
    monkeypatch.setattr(retention, "IDS_PER_QUERY", 1)
    with resources.database.write() as connection:
        ledger.fold(connection, limit=3)
    before = totals(resources)
    gone = [cleanup.forget_jobs_once(resources, age_seconds=DAY) for _ in range(4)]
    assert gone == [2 + 2, 2 + 2, 1 + 1, 0], "jobs and keys"
    assert totals(resources) == before
    with resources.database.read() as connection:
        assert list(connection.execute(select(jobs.c.id).order_by(jobs.c.id)).scalars()) == [6, 7, 8]
        assert set(connection.execute(select(job_events.c.job_id)).scalars()) == {6, 7, 8}
        assert not connection.execute(select(lost_attempts)).all()
        assert connection.execute(text("SELECT count(*) FROM models")).scalar() == 1, "a result is no job"
    with resources.database.read() as connection:
        left = set(connection.execute(select(idempotency_keys.c.key)).scalars())
    assert left == {"key 6", "key 7", "key 8", "both"}


def test_a_key_is_never_younger_than_it_may_be_forgotten(resources: Resources, scenario: Scenario) -> None:
    with resources.database.write() as connection:
        connection.execute(idempotency_keys.update().values(created_at=scenario.base))
    assert cleanup.forget_jobs_once(resources, age_seconds=DAY) == 5, "jobs only"
    with resources.database.read() as connection:
        assert len(connection.execute(select(idempotency_keys.c.key)).all()) == 9


def test_nothing_goes_without_retention(resources: Resources, scenario: Scenario) -> None:
    assert cleanup.forget_jobs_once(resources, age_seconds=0.0) == 0
    with resources.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM jobs")).scalar() == 8
