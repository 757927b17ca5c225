"""One run: undisturbed results first, then load of two projects and faults together, then peace, and the verdict."""

import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from ml_training.domain.caller import SERVICE, Role
from ml_training.domain.errors import Unavailable
from ml_training.services.keys import DEFAULT_PROJECT, create_key
from ml_training.services.projects import create_project
from ml_training.services.resources import Resources
from tests.support.eventually import eventually
from tools.chaos.checker import Expected, Findings, Guards, check, count_guards
from tools.chaos.clients import LIVING, Clients, Load
from tools.chaos.cluster import SLOTS, WORKERS, Cluster, cluster_directory, running_cluster
from tools.chaos.history import History
from tools.chaos.load import all_ended, undisturbed, undisturbed_small
from tools.chaos.nemesis import Nemesis

SETTLE_SECONDS = 150.0  # in which nothing moves
LONGEST_SETTLE_SECONDS = 900.0
SECOND_PROJECT = "second"


@dataclass(frozen=True)
class Outcome:
    """What a run found, what it did, and whether it did enough to count."""

    findings: Findings
    history: History
    nemesis: Nemesis
    unexpected: list[str]
    minutes: float

    @property
    def missing(self) -> list[str]:
        """What a run of this length must have seen, and this one has not."""
        return _missing(self.findings.guards, self.history, minutes=self.minutes)

    @property
    def is_good(self) -> bool:
        """Nothing bad, and enough happened for that to mean something."""
        return not any(self.findings.bad().values()) and not self.missing and not self.nemesis.errors


def run_chaos(
    *, seed: int, minutes: float, database: str, storage: str = "directory", directory: Path | None = None
) -> Outcome:
    """Everything on this machine; takes a minute or two longer than `minutes`."""
    with (
        cluster_directory(directory) as place,
        running_cluster(place, database=database, storage=storage) as cluster,
    ):
        eventually(lambda: _is_ready(cluster), within=120, what="every part is ready")
        load, expected, history = undisturbed(cluster.resources)
        second, more = _second_project(cluster.resources, history)
        nemesis = Nemesis(cluster, seed=seed)
        loads = {DEFAULT_PROJECT: load, SECOND_PROJECT: second}
        clients = [
            Clients(cluster.api_url, history, load, seed=seed + number, key=_new_key(cluster.resources, project))
            for number, (project, load) in enumerate(loads.items())
        ]
        for project in clients:
            project.start()
        nemesis.start()
        _run_under_faults(cluster, history, minutes=minutes)
        nemesis.stop()
        for project in clients:
            project.stop()
        _settle(cluster, clients, history)
        findings = check(
            cluster.resources, history, expected={**expected, **more}, exporter_port=cluster.settings.exporter_port
        )
        return Outcome(findings, history, nemesis, cluster.unexpected, minutes)


def _second_project(resources: Resources, history: History) -> tuple[Load, Expected]:
    project = create_project(resources.database, SERVICE, {"name": SECOND_PROJECT})
    return undisturbed_small(resources.of(project.id), history, prefix="their ")


def _new_key(resources: Resources, project: str) -> str:
    """A key of a project. The first one closes the service."""
    return create_key(resources.database, SERVICE, name="chaos", role=Role.OPERATOR, project=project).key


def _missing(guards: Guards, history: History, *, minutes: float) -> list[str]:
    wanted = max(1, min(5, math.floor(2 * minutes)))
    seen = {
        "late writes refused": (guards.refused_writes, 1),
        "lost attempts": (guards.lost_attempts, wanted),
        "cancels of RUNNING jobs": (len(history.cancels_of_running), wanted),
        "looks at a job of another project": (history.hidden, wanted),
    }
    return [f"{name}: {count} of {least}" for name, (count, least) in seen.items() if count < least]


def _run_under_faults(cluster: Cluster, history: History, *, minutes: float) -> None:
    """For `minutes`, and as long again if that is what it takes until the run has met every guard."""
    pause, started = threading.Event(), time.monotonic()
    pause.wait(minutes * 60.0)
    while time.monotonic() - started < 2 * minutes * 60.0:
        with suppress(Unavailable):
            if not _missing(count_guards(cluster.resources), history, minutes=minutes):
                return
        pause.wait(1.0)


def _settle(cluster: Cluster, clients: Sequence[Clients], history: History) -> None:
    """Wait until every job has ended, and the exporter has seen it; what does not move any more is stuck.

    A job that moves is not: on a machine whose cores are busy an explanation takes minutes.
    """
    pause, last = threading.Event(), time.monotonic() + LONGEST_SETTLE_SECONDS
    deadline, before = time.monotonic() + SETTLE_SECONDS, set[tuple[object, ...]]()
    while time.monotonic() < min(deadline, last):
        cluster.revive()
        living = [item for project in clients for item in project.look() if item["status"] in LIVING]
        if history.accepted and not living and all_ended(cluster.resources):
            break
        now = {(item["id"], item["attempt"], item["progress"]) for item in living}
        if now != before:
            deadline, before = time.monotonic() + SETTLE_SECONDS, now
        pause.wait(0.5)
    eventually(lambda: _is_ready(cluster), within=60, what="every part is ready again")
    pause.wait(3 * cluster.settings.snapshot_seconds)


def _is_ready(cluster: Cluster) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=5) as client:
            answer = client.get(f"{cluster.api_url}/health/ready")
            page = client.get(f"http://127.0.0.1:{cluster.settings.exporter_port}/metrics")
    except httpx.TransportError:
        return False
    children = sum(len(cluster.children(name)) for name in WORKERS)
    return answer.status_code == 200 and "ml_jobs_total" in page.text and children == SLOTS * len(WORKERS)
