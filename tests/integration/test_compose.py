"""docker-compose.yml, tested without Docker: it is valid, its ports are local, and everything that it names exists."""

import importlib.util
import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ml_training.api.app import create_app
from ml_training.domain.allowed_hosts import AllowedHosts
from ml_training.settings import PREFIX, Settings, read_settings
from tests.support.dockerfile import read_stages

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BUILT_SERVICES = {name: service for name, service in SERVICES.items() if "build" in service}
STAGES = read_stages(ROOT / "Dockerfile")
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yml").read_text(encoding="utf-8"))
PORT = re.compile(r"^127\.0\.0\.1:(?P<host>[^:]+|\$\{[A-Z_]+:-\d+\}):(?P<container>\d+)$")
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<rule>:[-?])?(?P<text>[^}]*)\}")


def mounts(service: str) -> dict[str, tuple[str, bool]]:
    """Container path -> (source, read only)."""
    parts = [mount.split(":") for mount in SERVICES[service].get("volumes", [])]
    return {part[1]: (part[0], part[2:] == ["ro"]) for part in parts}


def command(service: str) -> list[str]:
    """What the container runs: its own command, else the image's."""
    words: list[str] = SERVICES[service].get("command") or json.loads(STAGES[service].last("CMD"))
    return words


def host_path(service: str, path: str) -> Path:
    """The file of the repository that is mounted at a path inside the container."""
    for inside, (source, _) in sorted(mounts(service).items(), reverse=True):
        if path == inside or path.startswith(inside + "/"):
            return ROOT / source / path.removeprefix(inside).lstrip("/")
    raise AssertionError(f"{service}: {path} is in no mount")


def published_ports(service: str) -> set[int]:
    """The container's ports that are published on the host."""
    ports = [PORT.match(port) for port in SERVICES[service].get("ports", [])]
    return {int(port["container"]) for port in ports if port}


def in_build_context(path: str) -> bool:
    """Whether .dockerignore includes the path: the last matching line decides."""
    inside = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and (fnmatch(path, pattern) or path.split("/")[0] == pattern):
            inside = line.startswith("!")
    return inside


def test_it_is_a_valid_compose_file() -> None:
    schema = json.loads((ROOT / "tests/support/compose_schema.json").read_text(encoding="utf-8"))
    errors = Draft202012Validator(schema).iter_errors(COMPOSE)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_it_has_every_part_of_the_service() -> None:
    parts = {"postgres", "redis", "migrate", "api", "worker", "maintenance", "exporter", "prometheus", "grafana"}
    assert set(SERVICES) == parts
    assert SERVICES["postgres"]["image"].startswith("postgres:17")
    assert SERVICES["redis"]["image"].startswith("redis:7")
    assert int(SERVICES["grafana"]["image"].split(":")[1].split(".")[0]) >= 12
    assert " ".join(command("redis")).count("--appendonly yes") == 1
    assert " ".join(command("redis")).count("--maxmemory-policy noeviction") == 1


@pytest.mark.parametrize("service", SERVICES)
def test_published_ports_are_on_loopback_only(service: str) -> None:
    for port in SERVICES[service].get("ports", []):
        assert PORT.match(port), port


def test_the_documented_ports_are_published_but_not_database_and_broker() -> None:
    default = Settings.model_fields
    assert published_ports("api") == {default["api_port"].default}
    assert published_ports("exporter") == {default["exporter_port"].default}
    assert published_ports("prometheus") == {9090}
    assert published_ports("grafana") == {3000}
    assert [name for name in SERVICES if published_ports(name)] == ["api", "exporter", "prometheus", "grafana"]


def test_the_worker_can_be_scaled() -> None:
    assert not {"container_name", "ports"} & set(SERVICES["worker"])


@pytest.mark.parametrize("service", BUILT_SERVICES)
def test_every_setting_exists_and_accepts_its_value(
    service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = {(PREFIX + name).upper() for name in Settings.model_fields}
    for name, value in SERVICES[service]["environment"].items():
        assert name.removesuffix("_FILE") in known or name in known, f"{service}: no such setting: {name}"
        mounted = tmp_path / Path(value).name
        if name.endswith("_FILE"):
            mounted.touch(mode=0o600)
            mounted.write_text("t" * 16 if "token" in mounted.name else "p/w", encoding="utf-8")
        shown = VARIABLE.sub(lambda found: found["text"], value)
        monkeypatch.setenv(name, str(mounted) if name.endswith("_FILE") else shown)
    settings = read_settings()
    assert settings.database.startswith("postgresql://ml_training:p%2Fw@postgres:5432/")
    assert settings.broker == "redis://:p%2Fw@redis:6379/0"


def test_processes_inside_listen_on_all_addresses_and_share_one_directory() -> None:
    assert SERVICES["api"]["environment"]["ML_TRAINING_API_HOST"] == "0.0.0.0"  # noqa: S104
    assert SERVICES["exporter"]["environment"]["ML_TRAINING_EXPORTER_HOST"] == "0.0.0.0"  # noqa: S104
    shared = {name: mounts(name)["/data"] for name in BUILT_SERVICES if mounts(name)}
    assert shared == {
        "api": ("data", False),
        "worker": ("data", False),
        "maintenance": ("data", False),
        "exporter": ("data", True),
    }
    assert {service["environment"]["ML_TRAINING_DATA_DIR"] for service in BUILT_SERVICES.values()} == {"/data"}


@pytest.mark.parametrize("service", ["api", "exporter"])
def test_a_process_is_asked_under_the_name_of_its_service(service: str) -> None:
    names = VARIABLE.sub("ml.example.org", SERVICES[service]["environment"]["ML_TRAINING_ALLOWED_HOSTS"])
    hosts = AllowedHosts("0.0.0.0", names)  # noqa: S104
    assert hosts.allows(f"{service}:{min(published_ports(service))}")
    assert hosts.allows("ml.example.org")
    assert not hosts.allows("postgres")


@pytest.mark.parametrize("service", BUILT_SERVICES)
def test_the_module_of_a_service_exists_and_is_in_its_image(service: str) -> None:
    python, option, module, *_ = command(service)
    assert (python, option) == ("python", "-m")
    found = importlib.util.find_spec(module)
    assert found, module
    if found.submodule_search_locations is not None:
        assert importlib.util.find_spec(f"{module}.__main__"), f"{module} cannot be run with -m"
    assert module.split(".")[0] in STAGES[BUILT_SERVICES[service]["build"]["target"]].copies()


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES.keys())
def test_what_an_image_copies_exists_and_is_in_the_build_context(stage: Any) -> None:
    for source in stage.copies():
        assert (ROOT / source).exists(), source
        assert in_build_context(source), source
    assert set(stage.parents()) <= set(STAGES)
    assert stage.base in STAGES or stage.base == "python:3.13-slim"


def test_the_build_context_contains_no_secrets_data_or_history() -> None:
    assert not any(in_build_context(path) for path in (".env", ".git/config", "var/ml_training.db", ".venv/bin/python"))


@pytest.mark.parametrize("target", sorted({service["build"]["target"] for service in BUILT_SERVICES.values()}))
def test_an_image_runs_as_a_user_on_locked_packages_without_compilers(target: str) -> None:
    stage = STAGES[target]
    assert stage.last("USER") == "app"
    (parent,) = stage.parents()
    assert STAGES[parent].copies() == [f"requirements/{target}.txt"]
    assert f"--require-hashes -r requirements/{target}.txt" in STAGES[parent].last("RUN")
    assert "PIP_ONLY_BINARY=:all:" in STAGES[STAGES[parent].base].last("ENV")
    installed = [arguments for name, arguments in stage.steps if name == "RUN" and "apt-get install" in arguments]
    assert [re.findall(r"--no-install-recommends (\S+) ", line) for line in installed] == (
        [["libgomp1"]] if target == "worker" else []
    )


@pytest.mark.parametrize(
    ("target", "packages"),
    [
        ("api", ["ml_training.api", "ml_training.db"]),
        pytest.param("worker", ["workers", "ml_training.training", "ml_training.tabular"], marks=pytest.mark.slow),
        ("exporter", ["exporter"]),
    ],
)
def test_an_image_contains_every_package_that_its_process_imports(target: str, packages: list[str]) -> None:
    process = [sys.executable, "-m", "tests.support.image", f"requirements/{target}.txt", *packages]
    result = subprocess.run(process, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_check_of_imports_fails_for_a_package_outside_the_lock() -> None:
    process = [sys.executable, "-m", "tests.support.image", "requirements/exporter.txt", "sklearn"]
    result = subprocess.run(process, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "No module named 'sklearn' in this image" in result.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_for_its_dependencies_with_a_possible_condition(service: str) -> None:
    for dependency, options in SERVICES[service].get("depends_on", {}).items():
        condition = options["condition"]
        assert condition != "service_healthy" or "healthcheck" in SERVICES[dependency], dependency
        assert condition != "service_completed_successfully" or SERVICES[dependency]["restart"] == "no", dependency
    if service in BUILT_SERVICES and service != "migrate":
        assert SERVICES[service]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize(
    ("service", "url"),
    [("api", "http://127.0.0.1:8000/api/v1/health/live"), ("exporter", "http://127.0.0.1:8012/health/live")],
)
def test_a_health_check_calls_its_own_container_with_python(service: str, url: str) -> None:
    program, *_, script = SERVICES[service]["healthcheck"]["test"][1:]
    assert program == "python"
    compile(script, "healthcheck", "exec")
    assert f"'{url}'" in script


def test_the_routes_of_the_health_checks_exist(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    assert "/api/v1/health/live" in {rule.rule for rule in app.url_map.iter_rules()}
    assert any("/health/live" in path.read_text(encoding="utf-8") for path in (ROOT / "exporter").rglob("*.py"))


def test_every_named_volume_is_declared_and_every_mounted_path_exists() -> None:
    used: set[str] = set()
    for service in SERVICES:
        for source, read_only in mounts(service).values():
            if source.startswith("."):
                assert (ROOT / source).is_dir(), source
                assert read_only, f"{service}: a container must not write to the repository"
            else:
                used.add(source)
    assert used == set(COMPOSE["volumes"])


def test_passwords_come_from_the_environment_and_are_documented() -> None:
    found = list(VARIABLE.finditer((ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    required = {secret["environment"] for secret in COMPOSE["secrets"].values()}
    optional = {variable["name"] for variable in found if variable["rule"] == ":-"}
    assert required == {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "GRAFANA_PASSWORD", "BOOTSTRAP_KEY", "METRICS_TOKEN"}
    assert {variable["name"] for variable in found} == optional, "a password is a file, never a value in the text"
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in required | optional:
        assert re.search(rf"^#? ?{name}=", example, flags=re.MULTILINE), f".env.example lacks {name}"


def test_every_password_is_a_file_that_its_service_gets() -> None:
    for name, service in SERVICES.items():
        named = set(re.findall(r"/run/secrets/(\w+)", json.dumps(service)))
        assert named <= set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
    assert all({"postgres_password", "redis_password"} <= set(each["secrets"]) for each in BUILT_SERVICES.values())


def test_the_first_key_and_the_token_are_files_that_only_their_services_see() -> None:
    for secret, services in (("bootstrap_key", {"api"}), ("metrics_token", {"exporter", "prometheus"})):
        assert {name for name, service in SERVICES.items() if secret in service.get("secrets", [])} == services
    assert SERVICES["api"]["environment"]["ML_TRAINING_BOOTSTRAP_KEY_FILE"] == "/run/secrets/bootstrap_key"
    (scrape,) = PROMETHEUS["scrape_configs"]
    assert scrape["authorization"] == {"credentials_file": "/run/secrets/metrics_token"}


def test_prometheus_scrapes_the_exporter_and_loads_rules_that_exist() -> None:
    configuration = next(word.split("=")[1] for word in command("prometheus") if word.startswith("--config.file="))
    assert host_path("prometheus", configuration) == ROOT / "dashboards/prometheus/prometheus.yml"
    for rules in PROMETHEUS["rule_files"]:
        assert host_path("prometheus", str(Path(configuration).parent / rules)).is_file(), rules
    listed = {Path(rules).name for rules in PROMETHEUS["rule_files"]}
    assert listed == {path.name for path in (ROOT / "dashboards/prometheus/rules").glob("*.yml")}
    (scrape,) = PROMETHEUS["scrape_configs"]
    host, port = scrape["static_configs"][0]["targets"][0].split(":")
    assert host in SERVICES
    assert int(port) in published_ports(host)
    assert scrape["sample_limit"] == 20_000


def test_grafana_loads_its_data_source_and_dashboards() -> None:
    provisioning = host_path("grafana", "/etc/grafana/provisioning")
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text(encoding="utf-8"))[
        "datasources"
    ]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/dashboards.yaml").read_text(encoding="utf-8"))["providers"]
    assert list(host_path("grafana", provider["options"]["path"]).glob("*.json"))
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert host_path("grafana", home).is_file()
