"""Rules of this repository that a machine can check: sizes, no sleeping, and documents that match the code."""

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.domain.errors import ErrorCode

ROOT = Path(__file__).parents[2]
PACKAGES = ("ml_training", "workers", "exporter", "dashboards")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted(path for folder in ("tests", "tools") for path in (ROOT / folder).rglob("*.py"))
POLLS = {"tests/support/eventually.py", "tests/support/s3_proxy.py"}  # to be slow is what the proxy is for


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(name, lines) of every function of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_modules_and_functions_are_small() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > 350} == {}
    assert statistics.median(lengths.values()) <= 100
    sizes = {(path.name, name): lines for path in SOURCES for name, lines in functions(path)}
    assert {where: lines for where, lines in sizes.items() if lines > 60} == {}
    assert statistics.median(sizes.values()) <= 10


def test_every_module_says_in_a_sentence_why_it_exists() -> None:
    silent = [str(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert [path for path in silent if not path.endswith("migrations/env.py")] == []


def sleeps(path: Path) -> bool:
    """Whether a file calls sleep itself (a program that it only starts may)."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return any(getattr(call, "attr", getattr(call, "id", "")) == "sleep" for call in calls)


def test_tests_wait_on_conditions_and_never_sleep() -> None:
    assert {str(path.relative_to(ROOT)) for path in TESTS if sleeps(path)} == POLLS


def test_nothing_is_skipped_without_a_reason() -> None:
    skips = re.compile(
        r"^(?!.*reason=).*(pytest\.(skip|importorskip|xfail)\(|mark\.(skip|skipif|xfail)\b)", re.MULTILINE
    )
    me = Path(__file__)
    assert {str(path.relative_to(ROOT)) for path in TESTS if path != me and skips.search(path.read_text())} == set()


def verbs() -> list[str]:
    """The documented verbs of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return re.findall(r"^([a-z-]+):.*## ", text, flags=re.MULTILINE)


def test_make_help_lists_every_verb_and_the_readers_find_them() -> None:
    helped = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    told = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    assert verbs()
    for verb in verbs():
        assert f"make {verb} " in helped
        assert f"make {verb}`" in told or f"`{verb}`" in told, f"`make {verb}` is told of nowhere"


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_error_code_of_a_failed_job_is_documented(code: ErrorCode) -> None:
    assert f"`{code.value}`" in (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_links_between_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "dashboards").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def changes() -> dict[str, list[str]]:
    """The table "Where does my change go?" of docs/architecture.md: each change with the paths that it names."""
    section = (
        (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Where does my change go?")[2]
    )
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", section, flags=re.MULTILINE)
    return {what: re.findall(r"`([\w.<>/-]*[/.][\w.<>/-]+)`", where) for what, where in rows if what != "I want to add"}


@pytest.mark.parametrize(("what", "paths"), changes().items(), ids=changes())
def test_every_path_that_a_change_touches_exists(what: str, paths: list[str]) -> None:
    assert paths
    for path in paths:
        pattern = re.sub(r"<\w+>", "*", path)
        assert any(list(folder.glob(pattern)) for folder in (ROOT, ROOT / "ml_training")), (
            f"{what}: {path} is not there"
        )


def test_a_job_type_is_at_most_ten_files_of_code() -> None:
    assert len(set(changes()["a job type"])) <= 10


def test_the_table_of_changes_has_a_row_for_each_usual_change() -> None:
    usual = ("model type", "job type", "column of a job", "storage backend", "metric", "panel", "setting", "endpoint")
    assert all(any(what in row for row in changes()) for what in usual)


def test_the_formatter_formats_every_line() -> None:
    switch = re.compile(r"#\s*fmt:")
    me = Path(__file__)
    assert [
        str(path) for path in (*SOURCES, *TESTS) if path != me and switch.search(path.read_text(encoding="utf-8"))
    ] == []


def test_tests_do_not_import_tests_and_every_folder_of_tests_is_a_package() -> None:
    imports = re.compile(r"(from|import) tests(\.\w+)*\.(test_\w+|conftest)\b")
    assert [str(path) for path in TESTS if imports.search(path.read_text(encoding="utf-8"))] == []
    assert [str(path) for path in TESTS if not (path.parent / "__init__.py").exists()] == []
