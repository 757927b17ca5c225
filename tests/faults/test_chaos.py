"""A minute of load and faults at random against the real processes: nothing is lost, stuck, doubled or wrong."""

from pathlib import Path

import pytest

from tools.chaos.__main__ import report
from tools.chaos.checker import Findings, Guards
from tools.chaos.history import History
from tools.chaos.run import Outcome, run_chaos


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("storage", ["directory", "bucket"])
def test_a_minute_of_chaos_loses_nothing(tmp_path: Path, storage: str) -> None:
    outcome = run_chaos(seed=42, minutes=1.0, database="postgresql", storage=storage, directory=tmp_path)
    assert outcome.is_good, report(outcome)


class Calm:
    """A nemesis that did nothing wrong."""

    errors: tuple[str, ...] = ()


def outcome(findings: Findings, history: History) -> Outcome:
    """Of a run of a minute."""
    return Outcome(findings, history, Calm(), [], 1.0)  # type: ignore[arg-type]


def test_a_run_counts_only_when_it_met_the_guards_and_found_nothing() -> None:
    enough, met = History(cancels_of_running={1, 2}, hidden=2), Guards(lost_attempts=2, refused_writes=1)
    assert outcome(Findings(guards=met), enough).is_good
    assert not outcome(Findings(guards=Guards(2, 0)), enough).is_good, "no late write"
    assert not outcome(Findings(guards=Guards(1, 1)), enough).is_good, "too few lost attempts"
    assert not outcome(Findings(guards=met), History(cancels_of_running={1}, hidden=2)).is_good, "too few cancels"
    assert not outcome(Findings(guards=met), History(cancels_of_running={1, 2})).is_good, "no look at a foreign job"
    for name in ("lost", "stuck", "doubled", "wrong_artifacts", "wrong_ends", "counter_errors", "cancels_completed"):
        assert not outcome(Findings(guards=met, **{name: ["one"]}), enough).is_good, name


def test_a_history_notices_what_was_taken_back() -> None:
    history = History()
    history.accept(1, "spec", before=None)
    history.accept(2, "spec", before=1)
    history.saw(1, "RUNNING")
    history.saw(1, "CANCELLED")
    history.saw(1, "COMPLETED")
    assert history.changed == ["the key of job 1 gave job 2", "job 1 was CANCELLED and is COMPLETED"]
