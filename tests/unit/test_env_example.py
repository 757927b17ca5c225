"""`.env.example` names every setting with its default and a line of meaning, and nothing else."""

import re
from pathlib import Path

from ml_training.domain.limits import Limits
from ml_training.settings import Settings, variable_name
from ml_training.source_settings import FAMILIES

NAMES = ("WAREHOUSE", "LAKE")
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".env.example").read_text(encoding="utf-8")
ASSIGNMENT = re.compile(r"^#([A-Z0-9_]+)=(.*)$")


def test_every_setting_is_there_with_its_default() -> None:
    flat = {name: field for name, field in Settings.model_fields.items() if name not in ("limits", "data_sources")}
    wanted = {variable_name((name,)): _text(field.default) for name, field in flat.items()}
    wanted |= {variable_name(("limits", name)): str(field.default) for name, field in Limits.model_fields.items()}
    wanted |= {f"{family}{NAMES[number % 2]}": "" for number, family in enumerate(FAMILIES)}  # an example of each
    assert {name: value for name, value in _assignments() if name.startswith("ML_TRAINING_")} == wanted


def test_every_password_of_compose_is_there_without_a_value() -> None:
    texts = [file.read_text(encoding="utf-8") for file in ROOT.glob("docker-compose*.yml")]
    wanted = {name for text in texts for name in re.findall(r"\{environment: (\w+)\}", text)}
    places = {name: place for text in texts for name, place in re.findall(r"\$\{(\w+_DIR):-([^}]+)\}", text)}
    found = {name: value for name, value in _assignments() if not name.startswith("ML_TRAINING_")}
    assert found == dict.fromkeys(wanted, "") | places


def test_every_setting_stands_once_below_a_line_that_says_what_it_means() -> None:
    lines = TEXT.splitlines()
    places = [number for number, line in enumerate(lines) if ASSIGNMENT.match(line)]
    assert len(places) == len(dict(_assignments()))
    assert [lines[place] for place in places if not re.match(r"# \w.+\.$", lines[place - 1])] == []


def test_a_copy_changes_nothing_until_somebody_removes_a_sign() -> None:
    assert [line for line in TEXT.splitlines() if line and not line.startswith("#")] == []


def _text(default: object) -> str:
    return "" if default is None else str(default)


def _assignments() -> list[tuple[str, str]]:
    return [(found[1], found[2]) for line in TEXT.splitlines() if (found := ASSIGNMENT.match(line))]
