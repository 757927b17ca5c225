"""What hurts the service: three or four lanes of faults at a time, each drawn from the seed."""

import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import psutil
import redis
from sqlalchemy import text

from ml_training.domain.errors import Unavailable
from tests.support.proxy import Proxy
from tests.support.s3_proxy import S3Proxy
from tools.chaos.bucket_trouble import LONG_ABSENCE, BucketTrouble
from tools.chaos.cluster import WORKERS, Cluster
from tools.chaos.redis_attacker import RedisAttacker

RUNNING = "SELECT id, attempt, worker FROM jobs WHERE status = 'RUNNING' ORDER BY id"
BALLAST = "ballast"
BUSY = 0.05  # seconds of processor time in a look of LOOK seconds
LOOK = 0.3
PATIENCE = 8.0  # seconds until a victim is found


@dataclass(frozen=True)
class Fault:
    """One way to hurt, and how often it is drawn beside the others of its lane."""

    name: str
    weight: int
    inflict: Callable[[random.Random], None]


class Row(NamedTuple):
    """A RUNNING job."""

    id: int
    attempt: int
    worker: str


class Nemesis:
    """Threads: one kills workers, one makes zombies, one hurts the bucket if there is one, one everything else."""

    def __init__(self, cluster: Cluster, *, seed: int) -> None:
        self.inflicted: Counter[str] = Counter()
        self.errors: list[str] = []
        self._cluster = cluster
        self._stop = threading.Event()
        self._fleet = threading.Lock()  # one lane at a time starts processes
        self._asleep = ""  # the worker whose zombies are being made: nobody kills it meanwhile
        lanes = {
            "workers": (self._of_workers(), (2.0, 6.0)),  # what is killed needs seconds to be of use again
            "zombies": (self._of_zombies(), (0.3, 2.0)),
            "servers": (self._of_servers(), (1.0, 4.0)),
        }
        if cluster.bucket_proxy is not None:
            lanes["bucket"] = (self._of_bucket(cluster.bucket_proxy), (1.0, 4.0))
        self._threads = [
            threading.Thread(target=self._run, args=(*lane, random.Random(f"{seed}-{name}")), name=name, daemon=True)
            for name, lane in lanes.items()
        ]

    def start(self) -> None:
        """Begin to hurt."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No more faults; everything that was hurt is healed when this returns."""
        self._stop.set()
        for thread in self._threads:
            thread.join(90)
        assert not any(thread.is_alive() for thread in self._threads)
        self._cluster.thaw()
        self._cluster.revive()

    def _run(self, faults: tuple[Fault, ...], pause: tuple[float, float], chance: random.Random) -> None:
        drawn = _draw(faults, chance)
        while not self._stop.wait(chance.uniform(*pause)):
            fault = next(drawn)
            self._note(f"{fault.name} ...")
            try:
                fault.inflict(chance)
            except (psutil.Error, ProcessLookupError, KeyError):
                continue  # the victim was dead already
            except Exception as error:  # noqa: BLE001 - the edge of a lane: the run must say that it was not whole
                self.errors.append(f"{fault.name}: {type(error).__name__}: {error}")
                continue
            self.inflicted[fault.name] += 1
            self._note(f"{fault.name}: over")
            with self._fleet:
                self._cluster.revive()

    def _note(self, line: str) -> None:
        with (self._cluster.directory / "nemesis.log").open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat()} {line}\n")

    def _of_workers(self) -> tuple[Fault, ...]:
        return (
            Fault("child killed", 6, self._kill_child),
            Fault("worker killed", 1, self._kill_worker),
            Fault("worker terminated", 1, self._terminate_worker),
        )

    def _of_zombies(self) -> tuple[Fault, ...]:
        return Fault("child frozen", 6, self._freeze_child), Fault("worker frozen", 1, self._freeze_worker)

    def _of_servers(self) -> tuple[Fault, ...]:
        attacker = RedisAttacker(self._cluster.redis.url, wait=self._stop.wait)
        found = [
            Fault("API killed", 1, lambda chance: self._kill("api")),
            Fault("API process killed", 1, self._kill_api_process),
            Fault("maintenance killed", 2, lambda chance: self._kill(f"maintenance-{chance.randint(1, 2)}")),
            Fault("exporter killed", 1, lambda chance: self._kill("exporter")),
            Fault("Redis killed", 1, self._kill_redis),
            Fault("Redis flushed", 1, self._flush_redis),
            Fault("Redis frozen", 1, self._freeze_redis),
            Fault("Redis attacked: garbage in the queue", 2, attacker.write_entries),
            Fault("Redis attacked: keys of other types", 1, attacker.change_types),
            Fault("Redis attacked: locked out", 1, attacker.lock_out),
            Fault("Redis cut", 1, lambda chance: self._cut(self._cluster.broker_proxy)),
            Fault("permits: answers lost", 1, self._lose_permits),
        ]
        if self._cluster.postgres is not None:
            found += [
                Fault("PostgreSQL stopped", 2, self._stop_postgres),
                Fault("PostgreSQL cut", 1, lambda chance: self._cut(self._cluster.database_proxy)),
                Fault("commits: answers lost", 3, self._lose_commits),
            ]
        else:
            found.append(Fault("SQLite locked", 3, self._lock_sqlite))
        if self._cluster.disk is not None:
            found.append(Fault("disk full", 1, self._fill_disk))
        return tuple(found)

    def _of_bucket(self, proxy: S3Proxy) -> tuple[Fault, ...]:
        found = BucketTrouble(proxy, wait=self._stop.wait).faults()
        weights = {name: 1 if name == LONG_ABSENCE else 4 for name in found}
        return tuple(Fault(f"bucket: {name}", weights[name], inflict) for name, inflict in found.items())

    def _kill_child(self, chance: random.Random) -> None:
        _, child = self._busy_child(chance)
        child.kill()

    def _kill_worker(self, chance: random.Random) -> None:
        self._kill(self._busy_worker(chance))

    def _terminate_worker(self, chance: random.Random) -> None:
        with self._fleet:
            self._cluster.terminate(self._busy_worker(chance), grace=chance.uniform(0.5, 8.0))

    def _freeze_child(self, chance: random.Random) -> None:
        """Until a job of that worker has been claimed again: then the sleeper wakes as a zombie."""
        name, child = self._busy_child(chance)
        held = self._held(name)
        self._note(f"child {child.pid} of {name}, which holds {held}")
        with self._zombies_of(name), _frozen(child):
            self._until(lambda: self._claimed_again(held), within=12.0)

    def _freeze_worker(self, chance: random.Random) -> None:
        name = self._busy_worker(chance)
        held = self._held(name)
        with self._zombies_of(name):
            self._cluster.fleet.signal(name, signal.SIGSTOP)
            try:
                self._until(lambda: self._claimed_again(held), within=2 * self._cluster.settings.lease_seconds)
            finally:
                self._cluster.fleet.signal(name, signal.SIGCONT)

    @contextmanager
    def _zombies_of(self, name: str) -> Iterator[None]:
        """Nobody kills the worker inside the block, nor for the moment that a zombie needs to write."""
        self._asleep = name
        try:
            yield
            self._stop.wait(1.0)
        finally:
            self._asleep = ""

    def _kill(self, name: str) -> None:
        with self._fleet:
            self._cluster.kill(name)

    def _kill_api_process(self, chance: random.Random) -> None:
        master = psutil.Process(self._cluster.fleet.processes["api"].pid)
        children = master.children()
        if not children:
            raise KeyError("the API has just started: it has no processes yet")
        chance.choice(children).kill()

    def _kill_redis(self, chance: random.Random) -> None:
        self._cluster.redis.kill()
        self._stop.wait(chance.uniform(0.2, 3.0))
        self._cluster.redis.restart()

    def _flush_redis(self, _: random.Random) -> None:
        with redis.Redis.from_url(self._cluster.redis.url) as client:
            client.flushall()

    def _freeze_redis(self, chance: random.Random) -> None:
        with _frozen(psutil.Process(self._cluster.redis.process.pid)):
            self._stop.wait(chance.uniform(1.5, 6.0))

    def _cut(self, proxy: Proxy | None) -> None:
        assert proxy is not None
        proxy.cut()

    def _lose_permits(self, chance: random.Random) -> None:
        self._lose(self._cluster.broker_proxy, b"LPUSH", chance)

    def _lose_commits(self, chance: random.Random) -> None:
        self._lose(self._cluster.database_proxy, b"COMMIT", chance)

    def _lose(self, proxy: Proxy | None, needle: bytes, chance: random.Random) -> None:
        assert proxy is not None
        proxy.lose_answers(needle, times=chance.randint(2, 8))
        self._stop.wait(chance.uniform(1.0, 3.0))
        proxy.pass_answers()

    def _stop_postgres(self, chance: random.Random) -> None:
        assert self._cluster.postgres is not None
        self._cluster.postgres.stop()
        try:
            self._stop.wait(chance.uniform(0.5, 6.0))
        finally:
            self._cluster.postgres.start()

    def _lock_sqlite(self, chance: random.Random) -> None:
        """Another writer holds the file for longer than a renewal, sometimes for longer than a lease."""
        path = self._cluster.settings.database.removeprefix("sqlite:///")
        connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._stop.wait(chance.uniform(0.5, 6.0))
            connection.execute("ROLLBACK")
        finally:
            connection.close()

    def _fill_disk(self, chance: random.Random) -> None:
        assert self._cluster.disk is not None
        ballast = self._cluster.disk / BALLAST
        try:
            with ballast.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"\0" * 65_536)
                except OSError:
                    self._stop.wait(chance.uniform(0.5, 4.0))
        finally:
            ballast.unlink()

    def _busy_worker(self, chance: random.Random) -> str:
        """A worker that runs a job; raises KeyError when none does for a while."""
        busy: list[str] = []

        def look() -> bool:
            busy[:] = [name for name in WORKERS if name != self._asleep and self._held(name)]
            return bool(busy)

        self._until(look, within=PATIENCE)
        if not busy:
            raise KeyError("no worker is busy")
        return chance.choice(busy)

    def _busy_child(self, chance: random.Random) -> tuple[str, psutil.Process]:
        """A child that trains just now, and its worker; raises KeyError when none does for a while."""
        busy: list[tuple[str, psutil.Process]] = []

        def look() -> bool:
            name = self._busy_worker(chance)
            before = {child: child.cpu_times().user for child in self._cluster.children(name)}
            self._stop.wait(LOOK)
            used = {child: child.cpu_times().user - start for child, start in before.items() if child.is_running()}
            busy[:] = [(name, child) for child, seconds in used.items() if seconds > BUSY]
            return bool(busy)

        self._until(look, within=PATIENCE)
        if not busy:
            raise KeyError("no child is busy")
        return chance.choice(busy)

    def _held(self, name: str) -> dict[int, int]:
        """The jobs that a worker runs by the database's word: id -> attempt."""
        pid = self._cluster.fleet.processes[name].pid
        return {row.id: row.attempt for row in self._running() if row.worker.endswith(f"-{pid}")}

    def _claimed_again(self, held: dict[int, int]) -> bool:
        now = {row.id: row.attempt for row in self._running()}
        return any(now.get(job_id, 0) > attempt for job_id, attempt in held.items())

    def _running(self) -> list[Row]:
        try:
            with self._cluster.resources.database.read() as connection:
                return [Row(*row) for row in connection.execute(text(RUNNING))]
        except Unavailable:  # another lane has the database down: nothing is known
            return []

    def _until(self, condition: Callable[[], bool], *, within: float) -> None:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and not condition() and not self._stop.wait(0.1):
            pass


def _draw(faults: tuple[Fault, ...], chance: random.Random) -> Iterator[Fault]:
    """Each fault once in a round of its own, in a drawn order, then by weight: a short run too has seen them all."""
    yield from chance.sample(faults, len(faults))
    while True:
        yield chance.choices(faults, [fault.weight for fault in faults])[0]


@contextmanager
def _frozen(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()
