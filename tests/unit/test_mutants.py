"""The mutants fit the sources: each patch applies, says what it removes, and names tests that there are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants.patches import ROOT, Patch, all_patches, copy_sources

PATCHES = all_patches()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, copied once."""
    return copy_sources(tmp_path_factory.mktemp("copy"))


def test_every_kind_of_guard_has_a_mutant() -> None:
    kinds = {patch.name.partition("-")[0] for patch in PATCHES}
    assert kinds >= {
        "fence",
        "claim",
        "reaper",
        "relay",
        "publish",
        "cancel",
        "clock",
        "max",
        "poison",
        "drain",
        "idempotency",
        "ledger",
        "fold",
        "result",
        "fsync",
        "artifact",
        "checkpoint",
        "hash",
        "dataset",
        "retention",
    }


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.name)
def test_a_mutant_fits_the_sources_and_names_its_tests(copy: Path, patch: Patch) -> None:
    patch.apply(copy, check=True)
    assert patch.tests
    for test in patch.tests:
        path, _, name = test.partition("::")
        function = re.escape(name.partition("[")[0])
        assert re.search(rf"^def {function}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), test


@pytest.mark.slow  # every test of the project is imported
def test_the_cases_that_mutants_name_are_collected() -> None:
    """The part in brackets too: it changes with the parameters of a test."""
    tests = sorted({test for patch in PATCHES for test in patch.tests})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", "-n", "0", *tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2_000:]


def test_a_patch_that_does_not_fit_is_noticed(copy: Path, tmp_path: Path) -> None:
    changed = (PATCHES[0].path).read_text(encoding="utf-8").replace("\n-", "\n-something else")
    (tmp_path / "off.patch").write_text(changed, encoding="utf-8")
    with pytest.raises(Exception, match="git"):
        Patch(tmp_path / "off.patch", "", ()).apply(copy, check=True)
