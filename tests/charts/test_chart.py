"""The chart with each set of values: what Kubernetes accepts, what a pod may do, and what its process reads.

`make charts` runs it: Helm is a library of 244 MB here, and the schemas of Kubernetes are 108 MB.
"""

import functools
import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml_training.api.app import create_app
from ml_training.domain.allowed_hosts import AllowedHosts
from ml_training.settings import PREFIX, Settings, read_settings, unknown_settings
from tests.charts.rendered import CHART, NAMESPACE, RELEASE, Pod, Rendered, merged, render
from tests.charts.value_sets import REFUSED, SECRETS, USUAL, VALUE_SETS
from tests.support.api_process import running_api
from tests.support.dockerfile import read_stages
from tests.support.documented_metrics import documented_metrics, documented_series
from tests.support.postgres import PostgresServer
from tests.support.promql import selectors, series_names
from tests.support.redis_server import RedisServer
from tests.support.tls import Authority

pytestmark = pytest.mark.charts
ROOT = Path(__file__).parents[2]
STAGES = read_stages(ROOT / "Dockerfile")
KUBERNETES = ("1.30", "1.37")
CUSTOM = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor", "PrometheusRule"}  # of operators: no schema here
RELEASE_BYTES = 1_000_000  # Helm keeps a release, compressed, in a Secret; this much is refused by the cluster
LONG_NAME = "a-release-with-a-name-as-long-as-helm-accepts-it-here"


@pytest.fixture(scope="module", params=VALUE_SETS, ids=lambda name: name.replace(" ", "-"))
def values(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One set of values."""
    return VALUE_SETS[request.param]


@pytest.fixture(scope="module")
def rendered(values: dict[str, Any]) -> Rendered:
    """What the chart makes of it."""
    return render(values)


def test_lint_finds_nothing(values: dict[str, Any]) -> None:
    from helm_python.chart import lint

    for version in KUBERNETES:
        report = lint(CHART, values, strict=True, namespace=NAMESPACE, kube_version=f"v{version}.0")
        assert report["errors"] == []
        assert [message for message in report["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(rendered: Rendered, version: str) -> None:
    for resource in rendered.resources:
        if resource["kind"] not in CUSTOM:
            _validate(json.dumps(resource, sort_keys=True), version)


@functools.cache
def _validate(resource: str, version: str) -> None:
    from kubernetes_validate import utils

    if not hasattr(utils.schema_contents, "cache_info"):
        utils.schema_contents = functools.cache(utils.schema_contents)  # read anew for each resource otherwise
    utils.validate(json.loads(resource), version, strict=True)


def test_names_are_distinct_and_short_enough(values: dict[str, Any]) -> None:
    for name in (RELEASE, LONG_NAME):
        made = render(values, name=name)
        names = [(item["kind"], item["metadata"]["name"]) for item in made.resources]
        assert [name for name, count in Counter(names).items() if count > 1] == []
        assert [name for name in names if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name[1])] == []


def test_a_container_may_do_nothing_but_its_work(rendered: Rendered) -> None:
    """The level `restricted` of the Pod Security Standards, and a root file system that is only read."""
    components = {pod.component for pod in rendered.pods()}
    assert components >= {"api", "worker", "maintenance", "exporter", "test"}
    for pod in rendered.pods():
        assert pod.spec["securityContext"]["runAsNonRoot"] is True
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod.spec["securityContext"]["fsGroup"] == pod.spec["securityContext"]["runAsGroup"]
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod.spec)
        assert pod.container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod.spec["automountServiceAccountToken"] is False
        assert not any("hostPath" in volume for volume in pod.spec.get("volumes", []))
        assert {"requests", "limits"} == set(pod.container["resources"])
        assert "memory" in pod.container["resources"]["limits"]
    assert all(item["automountServiceAccountToken"] is False for item in rendered.of("ServiceAccount"))


def test_the_user_is_that_of_the_image(rendered: Rendered) -> None:
    uid = re.search(r"useradd .*--uid (\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert uid
    assert {pod.spec["securityContext"]["runAsUser"] for pod in rendered.pods()} == {int(uid[1])}


def test_no_variable_of_a_service_is_read_as_a_setting(rendered: Rendered) -> None:
    """Kubernetes would set ML_TRAINING_API_PORT=tcp://... for a Service named ml-training-api."""
    assert all(pod.spec["enableServiceLinks"] is False for pod in rendered.pods())


def test_no_secret_is_in_plain_text(rendered: Rendered) -> None:
    shown = rendered.text_without_secrets()
    assert [name for name, secret in SECRETS.items() if secret in shown] == []
    assert [name for name, secret in SECRETS.items() if json.dumps(secret)[1:-1] in shown] == []


def test_every_file_with_a_secret_is_there_and_only_for_its_process(rendered: Rendered) -> None:
    own = rendered.secrets()
    given = {name for name, _ in own}
    for pod in rendered.pods():
        named = {value for name, value in pod.environment.items() if name.endswith("_FILE")}
        assert set(pod.secret_files) == named
        for path, (secret, key) in pod.secret_files.items():
            assert path.startswith("/run/secrets/"), "the service refuses files that others can read elsewhere"
            assert (secret, key) in own or secret not in given, f"the chart's Secret {secret} has no {key}"
        for volume in pod.spec.get("volumes", []):
            assert volume.get("projected", {}).get("defaultMode", 0o440) == 0o440
    shown = {pod.component: set(pod.environment) for pod in rendered.pods()}
    for setting, components in (
        ("BOOTSTRAP_KEY_FILE", {"api"}),
        ("METRICS_TOKEN_FILE", {"exporter"}),
        ("S3_SECRET_ACCESS_KEY_FILE", {"api", "worker", "maintenance"}),
        ("OIDC_CLIENT_SECRET_FILE", {"api"}),
        ("TLS_CERT_FILE", {"api", "exporter"}),
        ("TLS_KEY_FILE", {"api", "exporter"}),
        ("BROKER_PASSWORD_FILE", {"api", "worker", "maintenance", "exporter"}),
    ):
        assert {name for name, names in shown.items() if PREFIX + setting in names} in (set(), components), setting


def test_the_hook_needs_nothing_that_is_made_after_it(rendered: Rendered) -> None:
    hooks = [item for item in rendered.resources if "helm.sh/hook" in item["metadata"].get("annotations", {})]
    before = [item for item in hooks if "pre-upgrade" in item["metadata"]["annotations"]["helm.sh/hook"]]
    made = {item["metadata"]["name"] for item in rendered.resources if item not in before}
    for pod in (pod for pod in rendered.pods() if pod.component == "migrate"):
        assert "serviceAccountName" not in pod.spec
        assert not {secret for secret, _ in pod.secret_files.values()} & made
    assert all("hook-succeeded" in item["metadata"]["annotations"]["helm.sh/hook-delete-policy"] for item in hooks)


def test_every_setting_exists_and_accepts_its_value(
    rendered: Rendered, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = rendered.secrets()
    urls = {"database_url": "postgresql://ml:x@db/ml", "broker_url": "redis://:x@redis/0"}
    for pod in (pod for pod in rendered.pods() if pod.component != "test"):
        with monkeypatch.context() as environment:
            for name, value in pod.environment.items():
                environment.setenv(name, value.replace("$(POD_IP)", "10.2.3.4"))
            for path, place in pod.secret_files.items():
                file = tmp_path / Path(path).name
                url = urls["database_url"] if file.name.startswith("connections__") else urls.get(file.name)
                file.write_text(own.get(place) or url or SECRETS["token"], encoding="utf-8")
                file.chmod(0o440)
                (variable,) = [name for name, value in pod.environment.items() if value == path]
                environment.setenv(variable, str(file))
            assert unknown_settings() == []
            settings = read_settings()
        _check_settings(pod, settings, values)


def _check_settings(pod: Pod, settings: Settings, values: dict[str, Any]) -> None:
    assert settings.database.startswith("postgresql://ml")
    for name, value in values.get("settings", {}).items():
        field = name.removeprefix("LIMITS__").lower()
        assert getattr(settings.limits if "__" in name else settings, field) == value, name
    bucket = values["storage"].get("bucket", {})
    if pod.component in ("api", "worker", "maintenance"):
        assert settings.storage_url == bucket.get("url", "")
        assert settings.s3_endpoint == bucket.get("endpoint", "")
        assert settings.s3_region == bucket.get("region", "")
        assert settings.s3_path_style is bucket.get("pathStyle")
        assert bool(settings.s3_access_key_id) == bool(bucket.get("existingSecret") or bucket.get("accessKeyId"))
    if pod.component == "worker":
        assert settings.worker_concurrency == values.get("worker", {}).get("concurrency", 2)
        grace = pod.spec["terminationGracePeriodSeconds"]
        assert grace >= settings.drain_grace_seconds + 5.0, "the kernel's SIGKILL must not come before the hand-back"


def test_processes_have_a_place_for_their_files(rendered: Rendered, values: dict[str, Any]) -> None:
    bucket = values["storage"].get("bucket")
    for pod in rendered.pods():
        mounts = {mount["mountPath"]: mount["name"] for mount in pod.container.get("volumeMounts", [])}
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
        assert set(mounts.values()) == set(volumes)
        if pod.component == "test":
            continue
        assert volumes[mounts["/tmp"]] == {"name": "tmp", "emptyDir": {}}
        if pod.component in ("migrate", "exporter"):
            assert "/data" not in mounts
            continue
        # The volume itself is open to others, and the service refuses such a data directory: so it is one inside.
        assert pod.environment["ML_TRAINING_DATA_DIR"].startswith("/data/")
        data = volumes[mounts["/data"]]
        if bucket:
            cache = int(pod.environment["ML_TRAINING_CACHE_BYTES"])
            assert int(data["emptyDir"]["sizeLimit"]) > cache
            assert pod.environment["ML_TRAINING_STORAGE_URL"] == bucket["url"]
            style = {True: "true", False: "false"}.get(bucket.get("pathStyle"))
            assert pod.environment.get("ML_TRAINING_S3_PATH_STYLE") == style
        else:
            claim = data["persistentVolumeClaim"]["claimName"]
            made = [item["metadata"]["name"] for item in rendered.of("PersistentVolumeClaim")]
            assert claim in made or claim == values["storage"]["claim"]["existingClaim"]
            assert "ML_TRAINING_STORAGE_URL" not in pod.environment
    for claim in rendered.of("PersistentVolumeClaim"):
        assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_probes_ask_routes_that_exist_under_a_name_that_is_allowed(
    rendered: Rendered, values: dict[str, Any], routes: dict[str, set[str]]
) -> None:
    for component in ("api", "exporter"):
        pod = rendered.pod(component)
        ports = {port["name"]: port["containerPort"] for port in pod.container["ports"]}
        environment = pod.environment
        assert ports["http"] == int(environment[f"ML_TRAINING_{component.upper()}_PORT"])
        hosts = AllowedHosts(environment[f"ML_TRAINING_{component.upper()}_HOST"])
        for probe, path in (("startup", "live"), ("liveness", "live"), ("readiness", "ready")):
            asked = pod.container[f"{probe}Probe"]["httpGet"]
            assert asked["port"] == "http"
            assert asked["scheme"] == ("HTTPS" if "tls" in values else "HTTP")
            assert asked["path"].endswith(f"/health/{path}")
            assert asked["path"] in routes[component]
            (header,) = asked["httpHeaders"]
            assert header["name"] == "Host"
            assert hosts.allows(header["value"])
    for component in ("worker", "maintenance"):
        assert not [name for name in rendered.pod(component).container if name.endswith("Probe")]


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every path of the API's document, and those of the exporter."""
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("data")))
    text = (ROOT / "exporter/routes.py").read_text(encoding="utf-8")
    return {"api": set(app.api_doc["paths"]), "exporter": set(re.findall(r'"(/[a-z/]+)": ', text))}


def test_services_and_proxies_ask_under_allowed_names(rendered: Rendered, values: dict[str, Any]) -> None:
    domain = values.get("clusterDomain", "cluster.local")
    for component in ("api", "exporter"):
        service = rendered.one("Service", f"-{component}")
        named = rendered.pod(component).environment["ML_TRAINING_ALLOWED_HOSTS"].replace("$(POD_IP)", "fd00::7")
        hosts = AllowedHosts("0.0.0.0", named)  # noqa: S104
        name, port = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
        for host in (name, f"{name}.{NAMESPACE}", f"{name}.{NAMESPACE}.svc", f"{name}.{NAMESPACE}.svc.{domain}"):
            assert hosts.allows(f"{host}:{port}")
        assert hosts.allows("[fd00::7]:8012") is (component == "exporter"), "Prometheus asks pods by their addresses"
        assert not hosts.allows("attacker.example")
        if component == "api":
            own = [item["spec"]["rules"][0]["host"] for item in rendered.of("Ingress")]
            assert all(hosts.allows(host) for host in (*own, *values.get("allowedHosts", [])))


def test_the_test_of_the_release_asks_the_service(rendered: Rendered, values: dict[str, Any]) -> None:
    service = rendered.one("Service", "-api")
    *_, name, url = rendered.pod("test").container["command"]
    port = service["spec"]["ports"][0]
    scheme = "https" if "tls" in values else "http"
    assert port["appProtocol"] == scheme
    assert url == f"{scheme}://{service['metadata']['name']}.{NAMESPACE}:{port['port']}/api/v1/health/ready"
    assert url.rpartition(":")[0] in rendered.notes
    assert name == (values.get("tls", {}).get("serverName") or f"{service['metadata']['name']}.{NAMESPACE}.svc")


def test_with_a_certificate_everything_inside_the_cluster_speaks_tls() -> None:
    made = render(VALUE_SETS["TLS by an authority of theirs"])
    for component in ("api", "exporter"):
        pod = made.pod(component)
        for setting, key in (("TLS_CERT", "tls.crt"), ("TLS_KEY", "tls.key")):
            assert pod.secret_files[pod.environment[f"{PREFIX}{setting}_FILE"]] == ("ml-certificate", key)
    (monitor,) = made.of("ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    name = made.one("Service", "-exporter")["metadata"]["name"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"] == {
        "serverName": f"{name}.{NAMESPACE}.svc",
        "ca": {"secret": {"name": "ml-certificate", "key": "ca.crt"}},
    }
    (ingress,) = made.of("Ingress")
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/backend-protocol"] == "HTTPS"
    assert "nginx.ingress.kubernetes.io/proxy-body-size" in annotations
    test = made.pod("test")
    assert test.secret_files == {test.environment["SSL_CERT_FILE"]: ("ml-certificate", "ca.crt")}


def test_a_public_authority_needs_no_file_and_its_certificate_another_name() -> None:
    made = render(VALUE_SETS["TLS by a public authority"])
    (monitor,) = made.of("ServiceMonitor")
    assert monitor["spec"]["endpoints"][0]["tlsConfig"] == {"serverName": "ml.example.org"}
    assert made.pod("test").secret_files == {}
    plain = render(VALUE_SETS["monitored"]).of("ServiceMonitor")[0]["spec"]["endpoints"][0]
    assert (plain["scheme"], "tlsConfig" in plain) == ("http", False)


def test_the_test_of_the_release_succeeds_only_with_the_right_certificate(
    tmp_path: Path, sqlite_template: bytes, redis_server: RedisServer
) -> None:
    authority, stranger = Authority(tmp_path), Authority(_folder(tmp_path / "stranger"))
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    _, option, script, *_ = render(VALUE_SETS["TLS by an authority of theirs"]).pod("test").container["command"]
    assert option == "-c"

    def exit_status(name: str, ca_file: Path) -> int:
        url = f"https://127.0.0.1:{api.port}/api/v1/health/ready"
        environment = {"SSL_CERT_FILE": str(ca_file)}
        command = [sys.executable, "-c", script, name, url]
        return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode

    with running_api(
        tmp_path,
        f"sqlite:///{tmp_path / 'jobs.db'}",
        redis_server.url,
        tls=authority.client(),
        api_workers="1",
        **authority.issue().settings(),
    ) as api:
        assert exit_status("ml.example.org", authority.file) == 0
        assert exit_status("ml.example.com", authority.file) == 1
        assert exit_status("ml.example.org", stranger.file) == 1


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_selectors_find_their_pods_and_nothing_else(rendered: Rendered) -> None:
    pods = list(rendered.pods())

    def found(labels: dict[str, str]) -> list[str]:
        assert labels
        return [pod.component for pod in pods if labels.items() <= pod.labels.items()]

    for deployment in rendered.of("Deployment"):
        component = deployment["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        assert found(deployment["spec"]["selector"]["matchLabels"]) == [component]
        for rule in deployment["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            assert found(rule["labelSelector"]["matchLabels"]) == [component]
    for service in rendered.of("Service"):
        (component,) = found(service["spec"]["selector"])
        assert service["metadata"]["name"].endswith(f"-{component}")
        ports = {port["name"] for port in rendered.pod(component).container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for budget in rendered.of("PodDisruptionBudget"):
        assert found(budget["spec"]["selector"]["matchLabels"]) in (["api"], ["worker"])
    for ingress in rendered.of("Ingress"):
        backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        assert backend == {"name": rendered.one("Service", "-api")["metadata"]["name"], "port": {"name": "http"}}


def test_a_container_starts_a_module_of_its_image(rendered: Rendered) -> None:
    targets = {"api": "api", "migrate": "api", "worker": "worker", "maintenance": "worker", "exporter": "exporter"}
    for pod in rendered.pods():
        if pod.component == "test":
            continue
        python, option, module, *more = pod.container["command"]
        assert (python, option) == ("python", "-m")
        assert more == (["maintenance"] if pod.component == "maintenance" else [])
        assert importlib.util.find_spec(module)
        assert module.split(".")[0] in STAGES[targets[pod.component]].copies()
        same = rendered.pod("worker" if pod.component == "maintenance" else targets[pod.component])
        assert pod.container["image"] == same.container["image"]


def test_network_policies_open_what_is_asked_and_nothing_else(rendered: Rendered, values: dict[str, Any]) -> None:
    policies = {
        item["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]: item["spec"]
        for item in rendered.of("NetworkPolicy")
    }
    if not values.get("networkPolicy", {}).get("enabled", True):
        assert policies == {}
        return
    assert set(policies) >= {pod.component for pod in rendered.pods()} - {"test"}
    for component, policy in policies.items():
        opened = [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
        assert opened == (["http"] if component in ("api", "exporter") else []), component
        wants_egress = values.get("networkPolicy", {}).get("egress", {}).get("enabled", False)
        assert policy["policyTypes"] == (["Ingress", "Egress"] if wants_egress else ["Ingress"])
        if wants_egress:
            ports = {port["port"] for rule in policy["egress"] for port in rule.get("ports", [])}
            assert ports >= {53, 6379, 443}
            assert ports & {5432, 5433}


def test_the_number_of_workers_is_that_of_keda_or_that_of_the_values(
    rendered: Rendered, values: dict[str, Any]
) -> None:
    deployment = rendered.one("Deployment", "-worker")
    scaled = [item["spec"] for item in rendered.of("ScaledObject")]
    if not values.get("keda", {}).get("enabled", False):
        assert scaled == []
        assert deployment["spec"]["replicas"] == values.get("worker", {}).get("replicas", 2)
        return
    (scaled_object,) = scaled
    assert "replicas" not in deployment["spec"], "each upgrade would undo what KEDA decided"
    assert scaled_object["scaleTargetRef"] == {"name": deployment["metadata"]["name"]}
    assert scaled_object["fallback"]["behavior"] == "currentReplicasIfHigher"
    (trigger,) = scaled_object["triggers"]
    slots = rendered.pod("worker").environment["ML_TRAINING_WORKER_CONCURRENCY"]
    target = trigger["metadata"].get("threshold") or trigger["metadata"]["targetQueryValue"]
    assert (trigger["metricType"], target) == ("AverageValue", slots)
    if trigger["type"] == "prometheus":
        _check_prometheus_trigger(trigger, rendered)
    else:
        _check_database_trigger(trigger, rendered)


def _check_prometheus_trigger(trigger: dict[str, Any], rendered: Rendered) -> None:
    query = trigger["metadata"]["query"]
    assert series_names(query) == {"ml_queue_depth", "ml_active_jobs"}
    assert series_names(query) <= documented_series()
    for selector in selectors(query):
        labels = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        known = set(documented_metrics()[str(selector.name)].labels)
        assert set(labels) - known <= {"namespace", "cluster"}, "labels of Prometheus' own"
        if selector.name == "ml_queue_depth":
            assert labels["queue"] == "due"
        if rendered.of("ServiceMonitor"):
            assert labels["namespace"] == NAMESPACE, "two releases in a cluster must not scale each other"
    assert trigger["metadata"]["ignoreNullValues"] == "false", "no answer is not zero jobs"


def _check_database_trigger(trigger: dict[str, Any], rendered: Rendered) -> None:
    (authentication,) = rendered.of("TriggerAuthentication")
    assert trigger["authenticationRef"] == {"name": authentication["metadata"]["name"]}
    (secret,) = authentication["spec"]["secretTargetRef"]
    (file,) = [place for path, place in rendered.pod("worker").secret_files.items() if "database" in path]
    assert (secret["name"], secret["key"]) == file
    parts = {"host", "port", "userName", "dbName", "sslmode"}
    named = parts & set(trigger["metadata"])
    assert named == (set() if secret["parameter"] == "connection" else parts)
    if named:
        metadata = trigger["metadata"]
        assert (metadata["host"], metadata["port"], metadata["userName"]) == ("db.example.org", "5433", "ml")


def test_the_query_of_the_database_counts_jobs_that_are_due_or_run(postgres: PostgresServer) -> None:
    import psycopg2

    values = VALUE_SETS["scaled by the database"]
    (trigger,) = render(values).one("ScaledObject", "-worker")["spec"]["triggers"]
    query = trigger["metadata"]["query"]
    assert "LIMIT 28" in query, "as many rows as there may be slots, however long the queue is"
    with psycopg2.connect(postgres.url("migrated")) as connection, connection.cursor() as cursor:
        for status, run_after, cancelled in (
            ("PENDING", 0, False),
            ("RUNNING", 0, False),
            ("RUNNING", 0, True),
            ("PENDING", 4e9, False),
            ("PENDING", 0, True),
            ("COMPLETED", 0, False),
        ):
            cursor.execute(
                "CREATE TEMPORARY TABLE IF NOT EXISTS jobs (status text, run_after double precision,"
                " cancel_requested boolean)"
            )
            cursor.execute("INSERT INTO jobs VALUES (%s, %s, %s)", (status, run_after, cancelled))
        cursor.execute(query)
        assert cursor.fetchone() == (3,)
        cursor.execute("DROP TABLE jobs")
        cursor.execute(query)  # and on the real table
        assert cursor.fetchone() == (0,)


def test_prometheus_and_grafana_get_the_files_of_the_repository() -> None:
    made = render(VALUE_SETS["monitored"])
    (monitor,) = made.of("ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    service = made.one("Service", "-exporter")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["authorization"] == {"credentials": {"name": "token", "key": "metrics-token"}}
    scrape = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": scrape["job_name"]}]
    assert monitor["spec"]["sampleLimit"] == scrape["sample_limit"]
    (rules,) = made.of("PrometheusRule")
    files = sorted((ROOT / "dashboards/prometheus/rules").glob("*.yml"))
    assert rules["spec"]["groups"] == [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    boards = {name: text for item in made.of("ConfigMap") for name, text in item["data"].items()}
    assert boards == {file.name: file.read_text() for file in (ROOT / "dashboards").glob("*.json")}
    assert {item["metadata"]["labels"]["grafana_dashboard"] for item in made.of("ConfigMap")} == {"1"}


def test_the_values_of_the_page_are_those_of_a_whole_installation() -> None:
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    found = [yaml.safe_load(block) for block in blocks]
    values, digest = (block for block in found if "scrape_configs" not in block)
    made = render(values, name="ml-training")
    kinds = {resource["kind"] for resource in made.resources}
    assert {"ScaledObject", "ServiceMonitor", "PrometheusRule", "ConfigMap", "Ingress", "NetworkPolicy"} <= kinds
    (secret,) = {name for pod in made.pods() for name, _ in pod.secret_files.values()}
    keys = {key for pod in made.pods() for _, key in pod.secret_files.values()}
    assert f"create secret generic {secret} " in page
    assert keys == set(re.findall(r"--from-literal=([a-z-]+)=", page)), "the Secret that the page makes has these keys"
    assert "digest" in digest["worker"]["image"]


def test_no_workers_is_no_alarm_where_workers_are_scaled_to_zero() -> None:
    def alarm(values: dict[str, Any]) -> str:
        (rules,) = render(values).of("PrometheusRule")
        every = [rule for group in rules["spec"]["groups"] for rule in group["rules"]]
        (expression,) = [rule["expr"] for rule in every if rule.get("alert") == "NoWorkers"]
        return str(expression)

    always = alarm(VALUE_SETS["monitored"])
    assert series_names(always) == {"ml_workers_up", "ml_db_connected"}
    assert alarm(merged(VALUE_SETS["scaled by Prometheus"], {"keda": {"minReplicas": 1}})) == always
    to_zero = alarm(VALUE_SETS["scaled by Prometheus"])
    assert to_zero.startswith(f"{always} and ")
    assert series_names(to_zero) == {"ml_workers_up", "ml_db_connected", "ml_queue_oldest_seconds"}


def test_a_release_with_everything_fits_into_a_secret_of_the_cluster(tmp_path: Path) -> None:
    from helm_python.chart import package

    archive = Path(package(CHART, destination=tmp_path))
    made = render(VALUE_SETS["monitored"])
    assert 1.4 * (archive.stat().st_size + _zipped(json.dumps(made.resources))) < RELEASE_BYTES


def _zipped(text: str) -> int:
    import zlib

    return len(zlib.compress(text.encode()))


def test_images_by_tag_and_by_digest() -> None:
    made = render(VALUE_SETS["images of theirs by digest"])
    assert {pod.component: pod.container["image"] for pod in made.pods()} == {
        "api": "registry.example.org/ml/ml-training-api:1.10",
        "migrate": "registry.example.org/ml/ml-training-api:1.10",
        "test": "registry.example.org/ml/ml-training-api:1.10",
        "worker": "registry.example.org/ml/ml-training-worker@sha256:" + "0f" * 32,
        "maintenance": "registry.example.org/ml/ml-training-worker@sha256:" + "0f" * 32,
        "exporter": "registry.example.org/ml/exporter:2.0",
    }
    assert all(pod.spec["imagePullSecrets"] == [{"name": "registry"}] for pod in made.pods())


@pytest.mark.parametrize(("more", "place"), REFUSED.values(), ids=[name.replace(" ", "-") for name in REFUSED])
def test_a_wrong_value_is_refused_with_its_place(more: dict[str, Any], place: str) -> None:
    from helm_python.errors import HelmError

    with pytest.raises(HelmError, match=re.escape(place)):
        render(merged(USUAL, more))


def test_a_chart_without_values_says_all_that_it_needs() -> None:
    from helm_python.errors import HelmError

    with pytest.raises(HelmError) as refused:
        render({})
    for place in ("/database/url", "/broker/url", "/storage", "/api/bootstrapKey"):
        assert f"{place}: " in str(refused.value)
