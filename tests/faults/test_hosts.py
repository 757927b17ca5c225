"""Hosts that share nothing but database, Redis and a bucket: cables are pulled, hosts die, join and leave."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tools.chaos.checker import Findings, Guards
from tools.chaos.history import History
from tools.scale.__main__ import report
from tools.scale.network import CORE, Network, running_network, why_not
from tools.scale.scenario import Outcome, Phase

ROOT = Path(__file__).parents[2]


def effective_capabilities() -> int:
    """Of this process, as a set of bits; a container may take them from root."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)


REASON = why_not()
CAP_SYS_ADMIN = 1 << 21
# In continuous integration a process that may make namespaces must have what it needs: .ci/run installs it.
MUST = bool(os.environ.get("CI")) and bool(effective_capabilities() & CAP_SYS_ADMIN)
needs_namespaces = pytest.mark.skipif(REASON is not None and not MUST, reason=REASON or "")
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 9), timeout=1).close()"


@needs_namespaces
def test_a_pulled_cable_lets_nothing_through_and_a_plugged_one_everything() -> None:
    assert REASON is None, REASON
    with running_network() as network:
        address = network.add("host")
        command = [*network.inside("host"), sys.executable, "-m", "http.server", "--bind", address, "9"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                eventually(lambda: reaches(network, address), what="the host answers")
                network.pull("host")
                assert not reaches(network, address)
                network.plug("host")
                eventually(lambda: reaches(network, address), what="the host answers again")
                assert network.processes("host") == [server.pid]
            finally:
                server.kill()
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert f"-{network.id}-" not in listed, "everything is taken away"


def reaches(network: Network, address: str) -> bool:
    """Whether CORE can connect to an address."""
    command = [*network.inside(CORE), sys.executable, "-c", CONNECT, address]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.faults
@pytest.mark.timeout(900)
@needs_namespaces
def test_hosts_come_and_go_and_nothing_is_lost(tmp_path: Path) -> None:
    assert REASON is None, REASON
    command = [sys.executable, "-m", "tools.scale", "--short", "--directory", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=850)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    assert process.returncode == 0, output


def outcome(findings: Findings, missing: list[str]) -> Outcome:
    """Of a run with one phase."""
    return Outcome(findings, History(), [Phase("two hosts", 1.0, 2, 0, 0, "")], [], missing, {"hosts in all": "2"})


def test_a_run_is_good_only_when_it_found_nothing_and_saw_enough() -> None:
    met = Guards(lost_attempts=1, refused_writes=0)
    assert outcome(Findings(guards=met), []).is_good
    assert not outcome(Findings(guards=met), ["jobs: 3 of 500"]).is_good
    for name in ("lost", "stuck", "doubled", "wrong_artifacts", "wrong_ends", "counter_errors", "violations"):
        found = outcome(Findings(guards=met, **{name: ["the one"]}), [])
        assert not found.is_good, name
        assert ": the one" in report(found)
