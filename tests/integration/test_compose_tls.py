"""docker-compose.tls.yml, tested without Docker: its health checks run against API and exporter with a certificate."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ml_training.local.ports import free_port
from ml_training.settings import PREFIX, Settings
from tests.support.api_process import running_api
from tests.support.compose import merged
from tests.support.eventually import eventually
from tests.support.redis_server import RedisServer
from tests.support.tls import Authority

ROOT = Path(__file__).parents[2]
BASE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
MORE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.tls.yml").read_text(encoding="utf-8"))
SERVERS = ("api", "exporter")


def both_together() -> dict[str, Any]:
    """What Compose makes of the two files."""
    whole: dict[str, Any] = merged(BASE, MORE)
    for name, service in MORE["services"].items():  # the lists that Compose does not join
        own = whole["services"][name]
        if "command" in service:
            own["command"] = service["command"]
        if "healthcheck" in service:
            own["healthcheck"] = {**own["healthcheck"], **service["healthcheck"]}
    return whole


BOTH = both_together()


def health_check(compose: dict[str, Any], service: str) -> str:
    """The script that a container runs to see whether it lives."""
    python, option, script = compose["services"][service]["healthcheck"]["test"][1:]
    assert (python, option) == ("python", "-c")
    return str(script)


def test_both_together_are_a_valid_compose_file() -> None:
    schema = json.loads((ROOT / "tests/support/compose_schema.json").read_text(encoding="utf-8"))
    errors = Draft202012Validator(schema).iter_errors(
        json.loads(json.dumps(BOTH).replace("${TLS_DIR:-./tls}", "./tls"))
    )
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_only_the_servers_see_the_key_and_read_it_where_it_is() -> None:
    known = {(PREFIX + name).upper() for name in Settings.model_fields}
    for service in SERVERS:
        given = MORE["services"][service]
        assert given["volumes"] == ["${TLS_DIR:-./tls}:/run/tls:ro"]
        assert set(given["environment"]) == {f"{PREFIX}TLS_CERT_FILE", f"{PREFIX}TLS_KEY_FILE"} <= known
        assert all(path.startswith("/run/tls/") for path in given["environment"].values())
    assert set(MORE["services"]) == {*SERVERS, "prometheus"}
    assert MORE["services"]["prometheus"]["volumes"] == ["${TLS_DIR:-./tls}/ca.crt:/run/tls/ca.crt:ro"]
    assert re.search("^#TLS_DIR=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)


def test_prometheus_differs_from_the_other_one_by_https_alone() -> None:
    folder = ROOT / "dashboards/prometheus"
    plain, tls = (
        yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in ("prometheus.yml", "prometheus.tls.yml")
    )
    (scrape,) = tls["scrape_configs"]
    assert scrape.pop("scheme") == "https"
    tls_config = scrape.pop("tls_config")
    console = plain["global"]["external_labels"].pop("console_url")
    assert tls["global"]["external_labels"].pop("console_url") == console.replace("http:", "https:")
    assert tls == plain
    assert MORE["services"]["prometheus"]["volumes"][0].split(":")[-2] == tls_config["ca_file"]
    assert f"{tls_config['server_name']}:" in scrape["static_configs"][0]["targets"][0]
    own, others = (compose["services"]["prometheus"]["command"] for compose in (MORE, BASE))
    assert [word.replace("prometheus.tls.yml", "prometheus.yml") for word in own] == others


@pytest.mark.slow
def test_health_checks_see_a_server_with_a_certificate_and_no_other(
    tmp_path: Path, sqlite_template: bytes, redis_server: RedisServer
) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    database, port = f"sqlite:///{tmp_path / 'jobs.db'}", free_port("127.0.0.1")
    settings = {"api_workers": "1", "exporter_port": str(port), **authority.issue().settings()}
    with running_api(tmp_path, database, redis_server.url, tls=authority.client(), **settings) as api:
        api.fleet.start("exporter", "exporter")
        own = {"api": ("8000", str(api.port)), "exporter": ("8012", str(port))}

        def is_healthy(compose: dict[str, Any], service: str) -> bool:
            script = health_check(compose, service).replace(*own[service])
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
            return done.returncode == 0

        for service in SERVERS:
            eventually(lambda service=service: is_healthy(BOTH, service), what=f"the {service} is healthy")  # type: ignore[misc]
            assert not is_healthy(BASE, service), "it speaks HTTPS only"
        api.fleet.end()
        assert not any(is_healthy(BOTH, service) for service in SERVERS)
