"""Same spec, data and seed, same bytes: with splits, windows and balanced classes, any threads, any process."""

import pytest

from ml_training.selection.index import SelectionIndex
from tests.support.artifact_digests import CASES, digest_of, digests
from tests.support.fresh_processes import printed, with_one_thread_and_two
from tests.support.timed_data import TYPES, timed, values

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SelectionIndex:
    return timed(tmp_path_factory.mktemp("timed"), values(), target="classes")


SCRIPT = """
import json, sys
from pathlib import Path
from ml_training.training import fitting
from tests.support.artifact_digests import digests
fitting.CELLS_PER_THREAD = 100  # so that this small table is trained with all the threads asked for
print(json.dumps(digests(Path(sys.argv[2]), threads=int(sys.argv[1]))))
"""


def test_here_and_in_fresh_processes_with_one_thread_and_two_the_bytes_are_equal(index: SelectionIndex) -> None:
    with with_one_thread_and_two(SCRIPT, str(index.directory)) as processes:
        here = digests(index.directory, threads=1)
        assert [printed(process) for process in processes] == [here, here]
    assert len(set(here.values())) == len(CASES), "each case is a model of its own"


@pytest.mark.parametrize("model_type", TYPES)
def test_another_seed_draws_other_splits(index: SelectionIndex, model_type: str) -> None:
    seeds = {digest_of(f"{model_type} smote cross_validation", index, threads=1, random_state=seed) for seed in (1, 2)}
    assert len(seeds) == 2
