"""The edge of the collectors: an error ends in a result and one line of log."""

import pytest
import structlog

from exporter.collector_run import CollectorRun, CollectorRunner


def fails() -> int:
    raise ValueError("broken")


def test_a_step_that_succeeds_gives_its_result_and_its_time() -> None:
    times = iter([10.0, 12.5])
    assert CollectorRunner(lambda: next(times)).run("queue", lambda: 7) == (CollectorRun(ok=True, seconds=2.5), 7)


def test_a_step_that_fails_gives_no_result_but_its_time() -> None:
    times = iter([10.0, 12.5])
    assert CollectorRunner(lambda: next(times)).run("queue", fails) == (CollectorRun(ok=False, seconds=2.5), None)


def test_an_error_that_concerns_every_collector_is_raised() -> None:
    with pytest.raises(ValueError, match="broken"):
        CollectorRunner().run("queue", fails, reraise=(ValueError,))


def test_a_collector_that_keeps_failing_is_logged_once_until_it_succeeds() -> None:
    runner = CollectorRunner()
    with structlog.testing.capture_logs() as logged:
        for step in (fails, fails, lambda: 1, fails):
            runner.run("queue", step)
        runner.run("jobs", fails)
    assert [entry["collector"] for entry in logged] == ["queue", "queue", "jobs"]
