"""Old jobs are forgotten in batches; counters, results, young jobs and their keys stay."""

import pytest
from sqlalchemy import insert, select, text

from ml_training.db import idempotency, ledger, retention
from ml_training.db.events import append_events
from ml_training.db.idempotency import KeptAnswer
from ml_training.db.stats import open_stats
from ml_training.db.tables import idempotency_keys, job_events, jobs, lost_attempts
from ml_training.services import upkeep
from ml_training.services.core import Core
from tests.support.story import Story, open_story

DAY = 86_400.0


@pytest.fixture
def story(core: Core) -> Story:
    """Five jobs that ended ten days ago, one that ended now, one that runs and one that waits, each with a key."""
    story = open_story(core.database)
    for _ in range(5):
        old = story.job(created=10 * DAY + 100)
        story.start(old, ago=10 * DAY + 50)
        story.end(old, "COMPLETED", ago=10 * DAY)
        story.model(old, story.dataset()) if old == 1 else None
    young, running = story.job(created=50.0), story.job(created=20 * DAY)
    story.start(young, ago=40.0)
    story.end(young, "FAILED", ago=1.0)
    story.start(running, ago=19 * DAY)
    story.job(created=20 * DAY)
    with core.database.write() as connection:
        ids = list(connection.execute(select(jobs.c.id)).scalars())
        for job_id in ids:
            append_events(connection, job_id=job_id, attempt=1, events=[("log", {"line": "hello"})])
            outcome = [{"job_id": job_id}, {"errors": []}]
            connection.execute(
                insert(idempotency_keys).values(
                    key=f"key {job_id}", fingerprint="f", outcome=outcome, created_at=story.base - 20 * DAY
                )
            )
        connection.execute(insert(lost_attempts).values(job_id=1, attempt=1, reason="worker_lost", lost_at=story.base))
        idempotency.keep_answer(connection, "both", KeptAnswer("f", [{"job_id": 1}, {"job_id": 6}]))
        connection.execute(idempotency_keys.update().values(created_at=story.base - 20 * DAY))
    return story


def totals(core: Core) -> list[tuple[str, str, int]]:
    with open_stats(core.database) as stats:
        return sorted((row.job_type, row.label, row.n) for row in stats.ledger() if row.kind == "terminal")


def test_old_jobs_go_in_batches_and_no_counter_falls(core: Core, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "RETENTION_BATCH", 2)
    monkeypatch.setattr(retention, "IDS_A_QUERY", 1)
    with core.database.write() as connection:
        ledger.fold(connection, limit=3)
    before = totals(core)
    gone = [upkeep.retain_once(core, age_seconds=DAY) for _ in range(4)]
    assert gone == [2 + 2, 2 + 2, 1 + 1, 0], "jobs and keys"
    assert totals(core) == before
    with core.database.read() as connection:
        assert list(connection.execute(select(jobs.c.id).order_by(jobs.c.id)).scalars()) == [6, 7, 8]
        assert set(connection.execute(select(job_events.c.job_id)).scalars()) == {6, 7, 8}
        assert not connection.execute(select(lost_attempts)).all()
        assert connection.execute(text("SELECT count(*) FROM models")).scalar() == 1, "a result is no job"
    with core.database.read() as connection:
        left = set(connection.execute(select(idempotency_keys.c.key)).scalars())
    assert left == {"key 6", "key 7", "key 8", "both"}


def test_a_key_is_never_younger_than_it_may_be_forgotten(core: Core, story: Story) -> None:
    with core.database.write() as connection:
        connection.execute(idempotency_keys.update().values(created_at=story.base))
    assert upkeep.retain_once(core, age_seconds=DAY) == 5, "jobs only"
    with core.database.read() as connection:
        assert len(connection.execute(select(idempotency_keys.c.key)).all()) == 9


def test_nothing_goes_without_retention(core: Core, story: Story) -> None:
    assert upkeep.retain_once(core, age_seconds=0.0) == 0
    with core.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM jobs")).scalar() == 8
