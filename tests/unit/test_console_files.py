"""The console's files: both languages say the same, libraries have the noted hashes, modules are small and exist."""

import hashlib
import json
import re
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parents[2] / "ml_training" / "console"
OWN = sorted(path for path in CONSOLE.rglob("*.js") if "vendor" not in path.parts)
AREAS = sorted(path.name for path in (CONSOLE / "text" / "en").glob("*.js"))
ENTRY = re.compile(r'^  "([^"]+)": "((?:[^"\\]|\\.)*)",$', re.MULTILINE)
IMPORT = re.compile(r'from "(\.[^"]+)"')
USED = re.compile(r'\bt\("([a-z_]+(?:\.\w+)*)"')
PLACE = re.compile(r"\{(\w+)\}")


def texts(language: str) -> dict[str, str]:
    """Every key and text of a language."""
    found: dict[str, str] = {}
    for path in sorted((CONSOLE / "text" / language).glob("*.js")):
        entries = ENTRY.findall(path.read_text(encoding="utf-8"))
        assert len(entries) == path.read_text(encoding="utf-8").count('": "'), f"{path.name}: an entry a line"
        assert not found.keys() & dict(entries).keys(), path.name
        found |= dict(entries)
    return found


def test_german_and_english_have_the_same_keys_and_places() -> None:
    english, german = texts("en"), texts("de")
    assert english.keys() == german.keys()
    differing = {key for key in english if set(PLACE.findall(english[key])) != set(PLACE.findall(german[key]))}
    assert differing == set()
    assert all(text.strip() for text in [*english.values(), *german.values()])


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_area_of_texts_is_loaded(language: str) -> None:
    content = (CONSOLE / "text" / f"{language}.js").read_text(encoding="utf-8")
    assert sorted(re.findall(r'from "\./\w+/([\w-]+\.js)"', content)) == AREAS
    imported, spread = re.findall(r"^import (\w+)", content, re.MULTILINE), re.findall(r"\.\.\.(\w+)", content)
    assert sorted(imported) == sorted(spread)


def test_every_text_that_is_asked_for_exists() -> None:
    known = texts("en")
    missing = {(path.name, key) for path in OWN for key in USED.findall(path.read_text("utf-8")) if key not in known}
    assert missing == set()


def test_the_libraries_are_those_whose_licence_and_hash_are_noted() -> None:
    noted = json.loads((CONSOLE / "vendor" / "libraries.json").read_text(encoding="utf-8"))
    files = {name: digest for library in noted for name, digest in library["files"].items()}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (CONSOLE / "vendor").iterdir()
        if path.name != "libraries.json"
    }
    assert found == files
    assert all(library["licence"] in ("MIT", "Apache-2.0") for library in noted)
    assert all(f"{library['name']}.LICENSE.txt" in library["files"] for library in noted)


def test_modules_are_small_and_import_what_is_there() -> None:
    for path in OWN:
        content = path.read_text(encoding="utf-8")
        assert len(content.splitlines()) <= 350, path.name
        for target in IMPORT.findall(content):
            assert (path.parent / target).resolve().is_file(), f"{path.name}: {target}"


def test_only_one_module_sends_requests_and_none_makes_markup_of_text() -> None:
    senders = {
        path.name for path in OWN if re.search(r"\bfetch\(|XMLHttpRequest|EventSource\(", path.read_text("utf-8"))
    }
    assert senders <= {"api.js", "events.js"}
    unsafe = re.compile(r"innerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML|\beval\(|new Function")
    assert {path.name for path in OWN if unsafe.search(path.read_text("utf-8"))} == set()
    for path in OWN:
        assert path.read_text(encoding="utf-8").startswith(("// ", "export default {")), (
            f"{path.name}: say why it exists"
        )
