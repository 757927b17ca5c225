"""Live progress: events may only raise what the row says, and only within the attempt that runs."""

from exporter.live_progress import LiveProgress, Told
from ml_training.db.stats import JobRow


def row(job_id: int = 1, *, attempt: int = 1, progress: float = 0.2) -> JobRow:
    return JobRow(job_id, "TRAIN", "lightgbm", "RUNNING", attempt, progress, None, None, 0, 1.0, None)


def following(*rows: JobRow) -> LiveProgress:
    live = LiveProgress()
    live.snapshot(rows)
    return live


def test_news_raises_the_progress_of_a_running_job() -> None:
    live = following(row())
    assert live.offer(1, 0.5, attempt=1) is Told.PROGRESS
    assert live.of(row()) == 0.5


def test_old_news_never_lowers_it() -> None:
    live = following(row())
    live.offer(1, 0.5)
    assert live.offer(1, 0.4) is Told.NOTHING
    assert live.of(row(progress=0.6)) == 0.6
    assert live.of(row()) == 0.5


def test_a_job_that_did_not_run_in_the_last_snapshot_is_news_of_another_kind() -> None:
    live = following(row())
    assert live.offer(2, 0.5) is Told.ATTEMPT
    assert live.offer(1, 0.5, attempt=2) is Told.ATTEMPT
    live.snapshot([])
    assert live.offer(1, 0.9) is Told.ATTEMPT
    assert live.of(row()) == 0.2


def test_news_of_an_earlier_attempt_is_refused() -> None:
    live = following(row(attempt=2, progress=0.1))
    assert live.offer(1, 0.9, attempt=1) is Told.NOTHING
    assert live.of(row(attempt=2, progress=0.1)) == 0.1


def test_a_new_attempt_starts_where_its_row_says() -> None:
    live = following(row())
    live.offer(1, 0.9)
    live.snapshot([row(attempt=2, progress=0.0)])
    assert live.of(row(attempt=2, progress=0.0)) == 0.0


def test_progress_beyond_the_end_is_refused() -> None:
    live = following(row())
    assert live.offer(1, 1.5) is Told.NOTHING
    assert live.offer(1, 1.0) is Told.PROGRESS


def test_the_progress_survives_the_next_snapshot_whose_row_is_older() -> None:
    live = following(row())
    live.offer(1, 0.9)
    live.snapshot([row(progress=0.3)])
    assert live.of(row(progress=0.3)) == 0.9
