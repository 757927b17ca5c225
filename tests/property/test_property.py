"""The service's promise on thousands of drawn specs: what is accepted completes, what is refused is told where.

`make property SPECS=5000 SEED=1` runs it at full size; the numbers stand at the end of the run.
"""

import os
from collections.abc import Callable

import pytest

from tests.property.run import Tally, run_property
from tests.property.run_summary import NUMBERS
from tests.support.in_process_service import InProcessService

SPECS = int(os.environ.get("SPECS") or 300)
SEED = int(os.environ.get("SEED") or 1)
pytestmark = pytest.mark.timeout(900 + SPECS)


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Tally:
    """The story, told once."""
    directory = tmp_path_factory.mktemp("property")
    database = directory / "jobs.db"
    database.write_bytes(sqlite_template)
    with InProcessService(directory / "data", f"sqlite:///{database}") as service:
        return run_property(service, seed=SEED, specs=SPECS)


def shown(found: list[str]) -> str:
    """How many there are, and the first ones."""
    return "\n".join([f"{len(found)} with SEED={SEED} SPECS={SPECS}:", *(line[:3_000] for line in found[:10])])


def test_what_was_accepted_completes(tally: Tally) -> None:
    assert not tally.failed, shown(tally.failed)


def test_no_request_is_answered_with_a_fault_of_the_service(tally: Tally) -> None:
    assert not tally.faults, shown(tally.faults)


def test_every_refusal_is_a_problem_whose_pointers_lead_to_what_can_be_changed(tally: Tally) -> None:
    assert not tally.answers, shown(tally.answers)


def test_one_wrong_thing_is_refused_by_its_name(tally: Tally) -> None:
    assert not tally.missed, shown(tally.missed)


def test_scores_are_numbers_or_null_and_rows_add_up(tally: Tally) -> None:
    assert not tally.results, shown(tally.results)


def test_database_and_files_agree_at_the_end(tally: Tally) -> None:
    assert not tally.broken, shown(tally.broken)


def test_no_answer_takes_long(tally: Tally) -> None:
    assert not tally.slow, shown(tally.slow)


def enough(share: float) -> float:
    """The least count of what should be this share of the draws, which varies by chance (two standard deviations)."""
    return max(1.0, share * SPECS - 2 * (share * SPECS) ** 0.5)


def test_the_draw_is_worth_its_time(tally: Tally, record_property: Callable[[str, object], None]) -> None:
    record_property(NUMBERS, f"property test, seed {SEED}: {tally.told()}")
    counts = tally.counts
    assert counts["drawn"] == SPECS
    assert counts["COMPLETED"] > 0.3 * SPECS
    accepted = {"TRAIN": 0.2, "TEST": 0.03, "COMPARE": 0.02, "PREDICT": 0.05, "EXPLAIN": 0.01, "DRIFT": 0.005}
    for kind, least in accepted.items():
        assert counts[f"accepted {kind}"] >= enough(least), kind
    assert min(counts["accepted TUNE"], counts["reused"]) >= enough(0.01)
    for kind, least in {"nearly refused 422": 0.1, "hostile refused 422": 0.05, "good refused 422": 0.02}.items():
        assert counts[kind] > least * SPECS, kind
