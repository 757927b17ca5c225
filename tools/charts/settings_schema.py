"""The part of the chart's values.schema.json that says which settings its value `settings` may have."""

import json
from pathlib import Path
from typing import Any

from ml_training.domain.limits import Limits
from ml_training.settings import PREFIX, Settings, variable_name

SCHEMA = Path(__file__).parents[2] / "charts" / "ml-training" / "values.schema.json"
# Values of the chart of their own say these: a second place would leave open which one counts.
OF_THE_CHART = frozenset(
    {
        "database_url",
        "database_password",
        "broker_url",
        "broker_password",
        "storage_url",
        "s3_endpoint",
        "s3_region",
        "s3_path_style",
        "s3_access_key_id",
        "s3_secret_access_key",
        "cache_dir",
        "cache_bytes",
        "data_dir",
        "allowed_hosts",
        "api_host",
        "api_port",
        "api_workers",
        "api_threads",
        "api_url",
        "bootstrap_key_file",
        "exporter_host",
        "exporter_port",
        "metrics_token",
        "oidc_client_secret",
        "tls_cert_file",
        "tls_key_file",
        "worker_concurrency",
    }
)
GROUPS = {"limits", "data_sources"}  # no variables themselves: each limit is one, and `connections` says the sources
NOT_IN_A_SCHEMA = {"title", "default", "format", "writeOnly"}


def settings_schema() -> dict[str, Any]:
    """The JSON schema of an object of settings, by their names without the prefix."""
    properties = {
        _name((name,)): _rule(schema)
        for name, schema in Settings.model_json_schema()["properties"].items()
        if name not in OF_THE_CHART | GROUPS
    }
    limits = Limits.model_json_schema()["properties"]
    properties |= {_name(("limits", name)): _rule(schema) for name, schema in limits.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def with_settings(schema: dict[str, Any]) -> str:
    """The text of the schema file with the settings of today."""
    whole = {**schema, "properties": {**schema["properties"], "settings": settings_schema()}}
    return json.dumps(whole, indent=2) + "\n"


def _name(location: tuple[str, ...]) -> str:
    return variable_name(location).removeprefix(PREFIX)


def _rule(schema: dict[str, Any]) -> dict[str, Any]:
    # A variable that is not set has its default: null is no value for it.
    choices = [choice for choice in schema.get("anyOf", [schema]) if choice.get("type") != "null"]
    return {key: value for key, value in choices[0].items() if key not in NOT_IN_A_SCHEMA}
