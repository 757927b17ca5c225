"""`make mutants`: applies each patch to a copy of the sources and runs its tests there; no mutant may survive.

First the tests must pass on a copy without any patch: else their failing would say nothing.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.mutants.patches import Patch, all_patches, copy_sources

TIMEOUT = 1_200
PATIENCE = "30"  # seconds that a test waits for what a mutant prevents
FAILED = 1  # pytest's exit status when tests ran and some failed; 2 to 5 mean that they did not run


def run_tests(
    copy: Path, tests: tuple[str, ...], *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, over the copy."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "", "--tb=line", *options, *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def survives(patch: Patch, directory: Path) -> str | None:
    """Why the mutant counts as alive; None when every test of it failed."""
    copy = copy_sources(directory / patch.name)
    patch.apply(copy)
    for test in patch.tests:
        done = run_tests(copy, (test,), "-x", PATIENCE_SECONDS=PATIENCE)
        if done.returncode != FAILED or not re.search(r"^\d+ failed", done.stdout, re.MULTILINE):
            return f"{test}: {(done.stdout + done.stderr)[-300:]}"
    return None


def main(names: list[str]) -> int:
    """Every mutant, or those whose names hold one of `names`."""
    patches = [patch for patch in all_patches() if not names or any(name in patch.name for name in names)]
    alive = 0
    with tempfile.TemporaryDirectory(prefix="mutants-", dir="/tmp") as directory:
        place = Path(directory)
        tests = tuple(sorted({test for patch in patches for test in patch.tests}))
        whole = run_tests(copy_sources(place / "whole"), tests, "-n", "2", "--dist", "loadfile")
        if whole.returncode != 0:
            sys.stdout.write(f"{whole.stdout[-4_000:]}\nthe tests fail without any mutant\n")
            return 1
        for patch in patches:
            started = time.monotonic()
            reason = survives(patch, place)
            took = time.monotonic() - started
            sys.stdout.write(f"{'ALIVE ' if reason else 'caught'} {patch.name:<36} {took:5.1f} s  {patch.removes}\n")
            if reason:
                sys.stdout.write(f"       {reason}\n")
            sys.stdout.flush()
            alive += reason is not None
    sys.stdout.write(f"{len(patches)} mutants, {alive} alive\n")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
