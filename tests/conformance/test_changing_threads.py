"""A job whose share of the cores changes while it trains ends with the model that one thread makes, bit for bit."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.changing_threads import CASES, RESUMED

pytestmark = pytest.mark.slow

SCRIPT = """
import json, sys
from pathlib import Path
from tests.support.changing_threads import compare_with_one_thread, use_threads_at_once
use_threads_at_once()
print(json.dumps({case: compare_with_one_thread(case, Path(sys.argv[1])) for case in sys.argv[2:]}))
"""


@pytest.fixture(scope="module")
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The cases of the tests that run now, in a process of its own: OpenMP reads once how its threads wait."""
    here = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    cases = list(dict.fromkeys(item.callspec.params["case"] for item in here))
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path_factory.mktemp("data")), *cases]
    found = subprocess.run(
        command,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    results: dict[str, dict[str, Any]] = json.loads(found.stdout)
    return results


@pytest.mark.parametrize("case", CASES)
def test_the_model_does_not_depend_on_when_the_threads_changed(compared: dict[str, dict[str, Any]], case: str) -> None:
    found = compared[case]
    assert found["asked"] > 5 or case in ("logistic_regression", "ridge", "mlp"), "these ask once"
    assert found["equal"]
    assert found["importance_equal"]
    assert found["stop_losses_equal"]


@pytest.mark.parametrize("case", RESUMED)
def test_nor_does_a_model_that_is_resumed_with_changing_threads(compared: dict[str, dict[str, Any]], case: str) -> None:
    found = compared[case]
    assert len(found["resumed"]) == 3
    assert all(found["resumed"])
    assert all(found["resumed_importance"])
