"""What the chart makes of values: its resources, and the pods among them."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "charts" / "ml-training"
RELEASE, NAMESPACE = "prod", "ml"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a workload: every pod of the chart has one container."""

    component: str
    kind: str
    spec: dict[str, Any]
    labels: dict[str, str]

    @property
    def container(self) -> dict[str, Any]:
        """Its only container."""
        (container,) = self.spec["containers"]
        return dict(container)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that have a value; what the cluster fills in has none."""
        return {item["name"]: item["value"] for item in self.container.get("env", []) if "value" in item}

    @property
    def secret_files(self) -> dict[str, tuple[str, str]]:
        """The files with secrets: path -> (name of the Secret, key)."""
        mounts = {mount["name"]: mount["mountPath"] for mount in self.container.get("volumeMounts", [])}
        return {
            f"{mounts[volume['name']]}/{item['path']}": (source["secret"]["name"], item["key"])
            for volume in self.spec.get("volumes", [])
            for source in volume.get("projected", {}).get("sources", [])
            for item in source["secret"]["items"]
        }


@dataclass(frozen=True, slots=True)
class Rendered:
    """The resources in the order of their files."""

    resources: list[dict[str, Any]]
    notes: str

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All resources of a kind."""
        return [resource for resource in self.resources if resource["kind"] == kind]

    def one(self, kind: str, suffix: str) -> dict[str, Any]:
        """The resource of a kind whose name ends so."""
        (found,) = [item for item in self.of(kind) if item["metadata"]["name"].endswith(suffix)]
        return found

    def pods(self) -> Iterator[Pod]:
        """The pods of all workloads, with those of hooks and of the test."""
        for resource in self.resources:
            if resource["kind"] in ("Deployment", "Job", "Pod"):
                template = resource if resource["kind"] == "Pod" else resource["spec"]["template"]
                labels = template["metadata"]["labels"]
                yield Pod(labels["app.kubernetes.io/component"], resource["kind"], template["spec"], labels)

    def pod(self, component: str) -> Pod:
        """The pod of a component."""
        (found,) = [pod for pod in self.pods() if pod.component == component]
        return found

    def secrets(self) -> dict[tuple[str, str], str]:
        """What the Secrets of the chart hold, by name and key."""
        return {
            (resource["metadata"]["name"], key): base64.b64decode(value).decode()
            for resource in self.of("Secret")
            for key, value in resource["data"].items()
        }

    def text_without_secrets(self) -> str:
        """Everything that more people can read than Secrets."""
        return json.dumps([item for item in self.resources if item["kind"] != "Secret"]) + self.notes


def render(values: Mapping[str, Any], *, name: str = RELEASE) -> Rendered:
    """What `helm install` would send; raises HelmError for values that it would refuse."""
    # Imported here: only `make charts` installs it, and `make test` collects this file.
    from helm_python.chart import Chart

    with Chart.load(CHART) as chart:
        files = chart.render(dict(values), name=name, namespace=NAMESPACE)
    texts = {path: text for path, text in files.items() if path.endswith(".yaml")}
    documents = [document for path in sorted(texts) for document in yaml.safe_load_all(texts[path])]
    (notes,) = [text for path, text in files.items() if path.endswith("NOTES.txt")]
    return Rendered([document for document in documents if document], notes)


def merged(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with `more` on top, as Helm merges several files of values."""
    both = dict(values)
    for name, value in more.items():
        old = both.get(name)
        both[name] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return both
