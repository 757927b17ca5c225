"""docker-compose.bucket.yml, tested without Docker, on top of docker-compose.yml as Compose merges the two."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ml_training.settings import PREFIX, Settings, read_settings
from tests.support.compose import merged

ROOT = Path(__file__).parents[2]
BASE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
TEXT = (ROOT / "docker-compose.bucket.yml").read_text(encoding="utf-8")
MORE: dict[str, Any] = yaml.safe_load(TEXT)
VARIABLE = re.compile(r"\$\{[A-Z0-9_]+:-([^}]*)\}")
BOTH: dict[str, Any] = merged(BASE, MORE)
SERVICES: dict[str, dict[str, Any]] = BOTH["services"]


def test_both_together_are_a_valid_compose_file() -> None:
    schema = json.loads((ROOT / "tests/support/compose_schema.json").read_text(encoding="utf-8"))
    errors = Draft202012Validator(schema).iter_errors(BOTH)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []
    assert set(SERVICES) == {*BASE["services"], "bucket"}


def test_everything_that_touches_stored_bytes_uses_the_bucket_and_nothing_else_knows_its_secret() -> None:
    with_bucket = {name for name, service in SERVICES.items() if "bucket_secret" in service.get("secrets", [])}
    with_data = {name for name, service in BASE["services"].items() if "data:/data" in service.get("volumes", [])}
    assert with_bucket == with_data | {"bucket"}
    for name in with_data:
        assert SERVICES[name]["depends_on"]["bucket"] == {"condition": "service_healthy"}
        assert set(SERVICES[name]["depends_on"]) >= set(BASE["services"][name]["depends_on"])
        assert set(SERVICES[name]["secrets"]) >= set(BASE["services"][name]["secrets"])
    assert {name for name in BOTH["secrets"] if name not in BASE["secrets"]} == {"bucket_secret"}


def test_the_processes_ask_the_server_and_the_bucket_that_are_there() -> None:
    (script,) = SERVICES["bucket"]["entrypoint"][2:]
    for name in ("api", "worker", "maintenance"):
        settings = {variable: VARIABLE.sub(r"\1", value) for variable, value in SERVICES[name]["environment"].items()}
        endpoint = re.fullmatch(r"http://(\w+):(\d+)", settings["ML_TRAINING_S3_ENDPOINT"])
        assert endpoint
        assert endpoint[1] in SERVICES
        assert f"--port :{endpoint[2]} " in script
        bucket = settings["ML_TRAINING_STORAGE_URL"].removeprefix("s3://")
        assert f"mkdir -p /data/{bucket} " in script
        assert f"ROOT_ACCESS_KEY={settings['ML_TRAINING_S3_ACCESS_KEY_ID']} " in script
        secret = settings["ML_TRAINING_S3_SECRET_ACCESS_KEY_FILE"]
        assert f"$$(cat {secret})" in script
        assert settings["ML_TRAINING_S3_PATH_STYLE"] == "true"


def test_the_bucket_is_for_the_services_only_and_its_health_is_asked_where_it_answers() -> None:
    bucket = SERVICES["bucket"]
    assert "ports" not in bucket
    assert bucket["volumes"] == ["bucket:/data"]
    (script,) = bucket["entrypoint"][2:]
    url = bucket["healthcheck"]["test"][-1]
    port, path = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/\w+)", url).groups()  # type: ignore[union-attr]
    assert f"--port :{port} --health {path} " in script


def test_its_password_is_a_file_and_no_value_in_the_text() -> None:
    assert MORE["secrets"] == {"bucket_secret": {"environment": "BUCKET_SECRET"}}
    assert "BUCKET_SECRET}" not in TEXT.replace("{environment: BUCKET_SECRET}", "")


@pytest.mark.parametrize("service", ["api", "worker", "maintenance"])
def test_every_setting_exists_and_accepts_its_value(
    service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = {(PREFIX + name).upper() for name in Settings.model_fields}
    secret = tmp_path / "bucket_secret"
    secret.touch(mode=0o600)
    secret.write_text("s" * 32, encoding="utf-8")
    for name, value in MORE["services"][service]["environment"].items():
        assert name.removesuffix("_FILE") in known, f"no such setting: {name}"
        monkeypatch.setenv(name, str(secret) if name.endswith("_FILE") else VARIABLE.sub(r"\1", value))
    settings = read_settings()
    assert (settings.storage_url, settings.s3_secret_access_key) == ("s3://ml-training", "s" * 32)
