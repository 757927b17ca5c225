"""`make mutants`: applies each patch to a copy of the sources and runs its tests there; no mutant may survive.

First the tests must pass on a copy without any patch: else their failing would say nothing.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.mutants.patches import Patch, all_patches, copy_sources

TIMEOUT = 1_200  # seconds, of one test of a mutant
AT_ONCE = 2  # mutants, each in a copy of its own: a test of real processes waits more than it computes
PATIENCE = "30"  # seconds that a test waits for what a mutant prevents
FAILED = 1  # pytest's exit status when tests ran and some failed; 2 to 5 mean that they did not run


def run_tests(
    copy: Path, tests: tuple[str, ...], *options: str, timeout: float | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, over the copy."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "", "--tb=line", *options, *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def survives(patch: Patch, directory: Path) -> str | None:
    """Why the mutant counts as alive; None when every test of it failed."""
    copy = copy_sources(directory / patch.name)
    try:
        patch.apply(copy)
        return next((reason for test in patch.tests if (reason := _passes(test, copy))), None)
    finally:
        shutil.rmtree(copy)


def _passes(test: str, copy: Path) -> str | None:
    try:
        done = run_tests(copy, (test,), "-x", timeout=TIMEOUT, PATIENCE_SECONDS=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"{test}: not over after {TIMEOUT} s"
    if done.returncode != FAILED or not re.search(r"^\d+ failed", done.stdout, re.MULTILINE):
        return f"{test}: {(done.stdout + done.stderr)[-300:]}"
    return None


def _timed(patch: Patch, directory: Path) -> tuple[Patch, str | None, float]:
    started = time.monotonic()
    reason = survives(patch, directory)
    return patch, reason, time.monotonic() - started


def main(names: list[str]) -> int:
    """Every mutant, or those whose names hold one of `names`."""
    patches = [patch for patch in all_patches() if not names or any(name in patch.name for name in names)]
    alive = 0
    with tempfile.TemporaryDirectory(prefix="mutants-", dir="/tmp") as directory:
        place = Path(directory)
        tests = tuple(sorted({test for patch in patches for test in patch.tests}))
        whole = run_tests(copy_sources(place / "whole"), tests, "-n", str(AT_ONCE), "--dist", "loadfile")
        if whole.returncode != 0:
            said = (whole.stdout + whole.stderr)[-4_000:]
            sys.stdout.write(f"{said}\nthe tests fail without any mutant\n")
            return 1
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for patch, reason, seconds in pool.map(lambda patch: _timed(patch, place), patches):
                verdict = "ALIVE " if reason else "caught"
                sys.stdout.write(f"{verdict} {patch.name:<36} {seconds:5.1f} s  {patch.removes}\n")
                if reason:
                    sys.stdout.write(f"       {reason}\n")
                sys.stdout.flush()
                alive += reason is not None
    sys.stdout.write(f"{len(patches)} mutants, {alive} alive\n")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
