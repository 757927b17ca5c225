"""A small fixed part of `make memory`: the peak of the real engine beside the estimate, in processes of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.memory.drawing import FIXED

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc"),
]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The figures of every fixed job."""
    lines = tmp_path_factory.mktemp("memory") / "lines"
    command = [sys.executable, "-m", "tools.memory", "--fixed", "--seconds", "300", "--lines", str(lines)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert lines.exists(), done.stderr[-2_000:]
    return [json.loads(line) for line in lines.read_text().splitlines()]


def test_no_job_takes_much_more_than_its_estimate_and_most_about_as_much(cases: list[dict[str, Any]]) -> None:
    assert sum(case["what"].startswith("TRAIN") for case in cases) == len(FIXED), "each fits into the slot"
    assert len(cases) > len(FIXED), "and some are followed by a TEST"
    found = {f"{case['data']}: {case['what'][:60]}": (case["ratio"], case["measured"]["error"]) for case in cases}
    assert not [name for name, (_, error) in found.items() if error], found
    assert min(ratio for ratio, _ in found.values()) > 0.8, found
    assert sum(ratio <= 2.0 for ratio, _ in found.values()) >= 0.9 * len(found), found
