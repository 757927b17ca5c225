"""What happens to the hosts while clients submit: pulled cables, a dead host, a new one, a scaler that never rests."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text

from ml_training.logs import get_logger
from tests.support.eventually import eventually
from tools.chaos.checker import Findings, check, count_guards
from tools.chaos.clients import LIVING, Clients, Pace
from tools.chaos.history import History
from tools.chaos.load import all_ended, undisturbed
from tools.scale.fleet import EXPORTER_PORT, ScaleFleet, running_fleet
from tools.scale.network import Network

log = get_logger(__name__)
LEAST_HOSTS, MOST_HOSTS = 1, 4
PRIORITY = 5
LONG_ROWS = 10_000  # the hosts share the cores of one machine
GRACE_SECONDS = 30.0  # as in the chart
LOAD_SECONDS = 3600.0  # a machine that does nothing else needs none of it
SETTLE_SECONDS = 300.0
SURE_SECONDS = 1.0
MOST_CUTS = 50
KILLED_SHARE = 0.4  # of the hosts that a scaler takes away: without a word, as a spot instance or a dead node
ENDED = "SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL"
HELD = "SELECT id, attempt FROM jobs WHERE status = 'RUNNING' AND worker LIKE :worker"
ATTEMPTS = "SELECT id, attempt, status FROM jobs"
CONNECTIONS = "SELECT host(client_addr) FROM pg_stat_activity WHERE backend_type = 'client backend'"
FORGOTTEN_SECONDS = 90.0  # the database waits a minute for a host that does not answer


class Shape(NamedTuple):
    """How long a run is, in seconds, and how many jobs it has at least."""

    short_cut: float  # a cable is pulled for less than a lease
    long_cut: float  # and for longer than one
    scaler: float
    calm: float
    jobs: int
    pace: Pace
    times: Mapping[str, str]  # settings; the defaults of the service where it is empty


WHOLE = Shape(20.0, 45.0, 300.0, 20.0, 500, Pace((0.5, 1.5), 0.12), {})
SHORT = Shape(
    4.0,
    16.0,
    40.0,
    3.0,
    60,
    Pace((0.3, 1.0), 0.3),
    {
        "lease_seconds": "10",
        "lease_renew_seconds": "2",
        "heartbeat_seconds": "2",
        "heartbeat_dead_seconds": "10",
        "checkpoint_seconds": "1",
    },
)


@dataclass
class Phase:
    """One line of the table."""

    name: str
    seconds: float
    ended: int
    lost: int
    refused: int
    note: str


@dataclass
class Outcome:
    """What a run found and did."""

    findings: Findings
    history: History
    phases: list[Phase]
    unexpected: list[str]
    missing: list[str]
    seen: dict[str, str]

    @property
    def is_good(self) -> bool:
        """Nothing bad, and enough happened for that to mean something."""
        return not any(self.findings.bad().values()) and not self.missing


@dataclass
class Scenario:
    """The phases in their order; each is a method that returns its note."""

    fleet: ScaleFleet
    history: History
    clients: Clients
    shape: Shape
    chance: random.Random
    phases: list[Phase] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    leaves: list[float] = field(default_factory=list)
    killed: int = 0
    _pause: threading.Event = field(default_factory=threading.Event)

    def play(self) -> None:
        """Everything, under load."""
        first, second = list(self.fleet.hosts.running)
        shape = self.shape
        self._phase("two hosts", lambda: self._wait(shape.calm))
        self._phase(f"cable of {first} pulled, shorter than a lease", lambda: self._cut(first, shape.short_cut))
        self._phase(f"cable of {second} pulled, longer than a lease", lambda: self._cut(second, shape.long_cut))
        self._phase(f"{first} dies", lambda: self._die(first))
        self._phase("a host joins", self._join)
        self._phase("a scaler at random", self._scale)
        self._phase("until enough jobs are accepted", self._until_enough)

    def settle(self) -> None:
        """No more load: until every job has ended, or none does any more."""
        self._phase("no more load", self._settle)

    def forget(self) -> float:
        """The seconds until the database holds no connection of a host that is gone."""
        started, network = time.monotonic(), self.fleet.hosts.network

        def all_known() -> bool:
            with self.fleet.resources.database.read() as connection:
                return set(connection.execute(text(CONNECTIONS)).scalars()) <= set(network.addresses.values())

        while not all_known() and time.monotonic() - started < FORGOTTEN_SECONDS:
            self._pause.wait(1.0)
        return time.monotonic() - started

    def _phase(self, name: str, play: Callable[[], str]) -> None:
        started, before = time.monotonic(), self._counts()
        note = play()
        ended, lost, refused = (count - old for count, old in zip(self._counts(), before, strict=True))
        self.phases.append(Phase(name, time.monotonic() - started, ended, lost, refused, note))
        log.info("phase_ended", phase=name, ended=ended, lost=lost, note=note)

    def _counts(self) -> tuple[int, int, int]:
        guards = count_guards(self.fleet.resources)
        with self.fleet.resources.database.read() as connection:
            ended = int(connection.execute(text(ENDED)).scalar_one())
        return ended, guards.lost_attempts, guards.refused_writes

    def _wait(self, seconds: float) -> str:
        self._pause.wait(seconds)
        return ""

    def _cut(self, name: str, seconds: float) -> str:
        """The cable of a host in the middle of a job; it is followed until it has ended or has another attempt."""
        held = self._cut_off(name, self.fleet.hosts.network.pull, again=self.fleet.hosts.network.plug)
        self._pause.wait(seconds - SURE_SECONDS)
        self.fleet.hosts.network.plug(name)
        taken, ended = self._follow(held)
        return f"of its {len(held)} jobs {ended} ended under the same attempt, {taken} were taken over"

    def _die(self, name: str) -> str:
        hosts = self.fleet.hosts
        self._cut_off(name, hosts.network.pull, again=hosts.network.plug)
        hosts.die(name)
        held, started = self._held(name), time.monotonic()
        taken, _ = self._follow(held)
        return f"its {len(held)} jobs: {taken} were taken over, {time.monotonic() - started:.0f} s later"

    def _cut_off(self, name: str, cut: Callable[[str], None], *, again: Callable[[str], None]) -> dict[int, int]:
        """Cut a host off in the middle of a job, which may take some attempts: most jobs are over at once."""
        for _ in range(MOST_CUTS):
            self._busy(name)
            cut(name)
            self._pause.wait(SURE_SECONDS)  # what it had sent before has arrived by now
            held = self._held(name)
            if held:
                return held
            again(name)
        raise AssertionError(f"{name} was never in the middle of a job")

    def _join(self) -> str:
        host, started = self.fleet.hosts.join(), time.monotonic()
        eventually(lambda: host.is_ready, what=f"{host.name} is ready")
        ready = time.monotonic() - started
        self._busy(host.name)
        return f"ready after {ready:.0f} s, runs a job after {time.monotonic() - started:.0f} s"

    def _scale(self) -> str:
        """Hosts come and go until the time is over; the last one that is left never goes."""
        deadline, joined, left = time.monotonic() + self.shape.scaler, 0, 0
        while time.monotonic() < deadline:
            self.unexpected += self.fleet.hosts.revive()
            running = list(self.fleet.hosts.running)
            grows = len(running) <= LEAST_HOSTS or (len(running) < MOST_HOSTS and self.chance.random() < 0.5)
            if grows:
                self.fleet.hosts.join()
                joined += 1
            else:
                self._take_away(self.chance.choice(running))
                left += 1
            self._pause.wait(self.chance.uniform(0.02, 0.06) * self.shape.scaler)
        return f"{joined} hosts joined, {left} left, {self.killed} of them without a word"

    def _take_away(self, name: str) -> None:
        if self.chance.random() < KILLED_SHARE:
            self.fleet.hosts.die(name)
            self.killed += 1
            return
        seconds = self.fleet.hosts.leave(name, grace=GRACE_SECONDS)
        if seconds is None:
            self.unexpected.append(f"{name} did not end within {GRACE_SECONDS:g} s of SIGTERM")
        else:
            self.leaves.append(seconds)

    def _until_enough(self) -> str:
        wanted = self.shape.jobs
        eventually(
            lambda: len(self.history.accepted) >= wanted, within=LOAD_SECONDS, what=f"{wanted} jobs are accepted"
        )
        return ""

    def _settle(self) -> str:
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            self.unexpected += self.fleet.hosts.revive()
            living = [item for item in self.clients.look() if item["status"] in LIVING]
            if not living and all_ended(self.fleet.resources):
                break
            self._pause.wait(0.5)
        eventually(self.fleet.is_ready, what="every part is ready again")
        self._pause.wait(3 * self.fleet.settings.snapshot_seconds)
        return f"{len(self.fleet.hosts.running)} hosts"

    def _busy(self, name: str) -> None:
        """Wait until a host runs a job."""
        eventually(lambda: self._held(name), what=f"{name} runs a job")

    def _held(self, name: str) -> dict[int, int]:
        """The jobs that a host runs by the database's word: id -> attempt."""
        with self.fleet.resources.database.read() as connection:
            rows = connection.execute(text(HELD), {"worker": f"worker@{name}-%"})
            return {row.id: row.attempt for row in rows}

    def _follow(self, held: dict[int, int]) -> tuple[int, int]:
        """How many jobs got another attempt, and how many ended under theirs; waits until it is one or the other."""
        taken, ended = set[int](), set[int]()

        def look() -> bool:
            with self.fleet.resources.database.read() as connection:
                rows = {row.id: row for row in connection.execute(text(ATTEMPTS)) if row.id in held}
            for job_id, attempt in held.items():
                if rows[job_id].attempt > attempt:
                    taken.add(job_id)
                elif rows[job_id].status not in LIVING:
                    ended.add(job_id)
            return len(taken | ended) == len(held)

        eventually(look, every=0.2, what="each job has ended or was taken over")
        return len(taken), len(ended - taken)


def run_scale(network: Network, directory: Path, shape: Shape, *, seed: int) -> Outcome:
    """The whole run; on CORE."""
    with running_fleet(network, directory, dict(shape.times), hosts=2) as fleet:
        load, expected, history = undisturbed(fleet.resources, long_rows=LONG_ROWS)
        # One priority: else a job that was handed back may wait as long as more urgent ones arrive.
        clients = Clients(
            fleet.api_url, history, load, seed=seed, pace=shape.pace, cancels=False, priorities=(PRIORITY, PRIORITY)
        )
        scenario = Scenario(fleet, history, clients, shape, random.Random(seed))
        clients.start()
        scenario.play()
        clients.stop()
        scenario.settle()
        findings = check(fleet.resources, history, expected=expected, exporter_port=EXPORTER_PORT)
        forgotten = scenario.forget()
        if forgotten >= FORGOTTEN_SECONDS:
            findings.violations.append(f"the database holds connections of gone hosts after {forgotten:.0f} s")
        return Outcome(
            findings,
            history,
            scenario.phases,
            scenario.unexpected,
            _missing(scenario, findings),
            _seen(scenario, forgotten),
        )


def _missing(scenario: Scenario, findings: Findings) -> list[str]:
    """What a run must have seen, and this one has not."""
    seen = {
        "jobs": (len(scenario.history.accepted), scenario.shape.jobs),
        "lost attempts": (findings.guards.lost_attempts, 1),
        "hosts that left in order": (len(scenario.leaves), 1),
        "hosts that died": (scenario.killed, 1),
    }
    return [f"{name}: {count} of {least}" for name, (count, least) in seen.items() if count < least]


def _seen(scenario: Scenario, forgotten: float) -> dict[str, str]:
    hosts = scenario.fleet.hosts
    return {
        "hosts in all": str(hosts.joined),
        "SIGTERM to end, longest": f"{max(scenario.leaves, default=0.0):.1f} s of {len(scenario.leaves)}",
        "files on hosts seen from here": str(len(list(hosts.data_dir.iterdir()))),
        "their connections forgotten": f"{forgotten:.0f} s after the last one left",
    }
