"""The Helm chart's files fit the code; what Helm makes of them is looked at by `make charts`."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import ml_training
from tools.charts.settings_schema import OF_THE_CHART, SCHEMA, with_settings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "ml-training"


def test_the_chart_accepts_the_settings_of_today_and_no_others() -> None:
    text = SCHEMA.read_text(encoding="utf-8")
    assert text == with_settings(json.loads(text)), "run `python -m tools.charts` and commit the result"
    settings = json.loads(text)["properties"]["settings"]["properties"]
    assert {"LEASE_SECONDS", "LIMITS__UPLOAD_BYTES", "LOG_LEVEL"} <= set(settings)
    assert not {name.upper() for name in OF_THE_CHART} & set(settings)


def test_every_part_that_the_schema_names_is_in_it() -> None:
    """Helm refuses all values where one is missing."""
    text = SCHEMA.read_text(encoding="utf-8")
    named = {name.removeprefix("#/$defs/") for name in re.findall(r'"\$ref": "([^"]+)"', text)}
    assert named <= set(json.loads(text)["$defs"])


def test_the_default_values_are_valid_and_complete() -> None:
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    found = Draft202012Validator(schema).iter_errors(values)
    assert [f"{error.json_path}: {error.message}" for error in found] == []
    assert _without_default(schema, schema, values) == []


def _without_default(schema: dict[str, Any], part: dict[str, Any], value: Any) -> list[str]:
    """The places that the schema knows and values.yaml does not show."""
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    if not isinstance(value, dict):
        return []
    hidden = [name for name in part.get("properties", {}) if name not in value and name not in ("global", "claims")]
    if part is schema["properties"]["settings"] or part is schema["$defs"].get("resources"):
        return []
    return hidden + [
        f"{name}/{place}"
        for name, inner in part.get("properties", {}).items()
        if name in value
        for place in _without_default(schema, inner, value[name])
    ]


def test_the_version_is_that_of_the_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == chart["version"] == ml_training.__version__


@pytest.mark.parametrize(("folder", "pattern"), [("dashboards", "*.json"), ("prometheus/rules", "*.yml")])
def test_dashboards_and_rules_are_links_to_the_files_of_the_repository(folder: str, pattern: str) -> None:
    """Helm reads only what is below the chart; a copy would grow old."""
    originals = sorted((ROOT / "dashboards" / folder.removeprefix("dashboards")).glob(pattern))
    links = sorted((CHART / "files" / Path(folder).name).iterdir())
    assert originals
    assert all(link.is_symlink() for link in links)
    assert [link.resolve() for link in links] == [original.resolve() for original in originals]
