"""Live progress: events may only raise the progress of a row, and only within the running attempt."""

from exporter.live_progress import LiveProgress, ProgressUpdate
from ml_training.db.stats import JobRow
from tests.support.collectors import running_row


def following(*rows: JobRow) -> LiveProgress:
    live = LiveProgress()
    live.follow(rows)
    return live


def test_an_event_raises_the_progress_of_a_running_job() -> None:
    live = following(running_row())
    assert live.update(1, 0.5, attempt=1) is ProgressUpdate.APPLIED
    assert live.of(running_row()) == 0.5


def test_an_old_event_never_lowers_it() -> None:
    live = following(running_row())
    live.update(1, 0.5)
    assert live.update(1, 0.4) is ProgressUpdate.IGNORED
    assert live.of(running_row(progress=0.6)) == 0.6
    assert live.of(running_row()) == 0.5


def test_a_job_that_did_not_run_in_the_last_snapshot_is_an_unknown_attempt() -> None:
    live = following(running_row())
    assert live.update(2, 0.5) is ProgressUpdate.UNKNOWN_ATTEMPT
    assert live.update(1, 0.5, attempt=2) is ProgressUpdate.UNKNOWN_ATTEMPT
    live.follow([])
    assert live.update(1, 0.9) is ProgressUpdate.UNKNOWN_ATTEMPT
    assert live.of(running_row()) == 0.2


def test_an_event_of_an_earlier_attempt_is_ignored() -> None:
    live = following(running_row(attempt=2, progress=0.1))
    assert live.update(1, 0.9, attempt=1) is ProgressUpdate.IGNORED
    assert live.of(running_row(attempt=2, progress=0.1)) == 0.1


def test_a_new_attempt_starts_where_its_row_says() -> None:
    live = following(running_row())
    live.update(1, 0.9)
    live.follow([running_row(attempt=2, progress=0.0)])
    assert live.of(running_row(attempt=2, progress=0.0)) == 0.0


def test_progress_beyond_the_end_is_ignored() -> None:
    live = following(running_row())
    assert live.update(1, 1.5) is ProgressUpdate.IGNORED
    assert live.update(1, 1.0) is ProgressUpdate.APPLIED


def test_the_progress_survives_the_next_snapshot_whose_row_is_older() -> None:
    live = following(running_row())
    live.update(1, 0.9)
    live.follow([running_row(progress=0.3)])
    assert live.of(running_row(progress=0.3)) == 0.9
