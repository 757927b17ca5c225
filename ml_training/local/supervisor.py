"""Keeps a list of processes running: restarts those that exit, with growing delays, and stops all in order."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ml_training.local.child_process import ChildProcess, ProcessSpec
from ml_training.local.orphan_guard import OrphanGuard

FIRST_RESTART_DELAY = 1.0
LONGEST_RESTART_DELAY = 30.0
STABLE_SECONDS = 60.0  # a process that ran this long is restarted with the first delay again
ReportEvent = Callable[[str, str], None]  # (name of the process, what happened)


@dataclass(slots=True)
class SupervisedProcess:
    """One process specification and its current child, if one runs."""

    spec: ProcessSpec
    child: ChildProcess | None = None
    ready: bool = False
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0

    @property
    def pid(self) -> int | None:
        """The current process id; None while the process waits for its restart."""
        return self.child.pid if self.child else None


class Supervisor:
    """Starts, watches and stops processes; `tick` does the work and must be called again and again."""

    def __init__(self, *, guard: OrphanGuard, report: ReportEvent, clock: Callable[[], float] = time.monotonic) -> None:
        self._guard = guard
        self._report = report
        self._clock = clock
        self.processes: list[SupervisedProcess] = []

    def start(self, spec: ProcessSpec) -> SupervisedProcess:
        """Start a process and supervise it."""
        process = SupervisedProcess(spec)
        self.processes.append(process)
        self._launch(process)
        return process

    def tick(self) -> None:
        """Detect exits and readiness, restart processes whose delay is over, rotate the logs."""
        for process in self.processes:
            if process.child is None:
                if self._clock() >= process.restart_at:
                    self._launch(process)
            elif (status := process.child.poll()) is not None:
                self._handle_exit(process, process.child, status)
            elif not process.ready and process.spec.ready(process.child.pid):
                process.ready = True
                self._report(process.spec.name, "ready")
            process.spec.log.rotate()

    def all_ready(self) -> bool:
        """Whether every process was ready since its latest start."""
        return all(process.ready for process in self.processes)

    def unready(self) -> list[SupervisedProcess]:
        """The processes that were not ready since their latest start."""
        return [process for process in self.processes if not process.ready]

    def stop(self, order: Sequence[str], *, force: Callable[[], bool] = lambda: False) -> None:
        """Stop the processes named in `order` one after the other, then all others."""
        rank = {name: number for number, name in enumerate(order)}
        for process in sorted(self.processes, key=lambda process: rank.get(process.spec.name, len(rank))):
            if process.child is not None:
                exited = process.child.stop(force=force)
                self._report(process.spec.name, "stopped" if exited else "killed: it did not stop in time")
        self.processes.clear()

    def _launch(self, process: SupervisedProcess) -> None:
        process.started_at = self._clock()
        process.ready = False
        try:
            process.child = ChildProcess(process.spec, guard=self._guard)
        except OSError as error:  # out of memory, process ids or disk space: retried like a crash
            self._schedule_restart(process, f"could not be started ({error})")

    def _handle_exit(self, process: SupervisedProcess, child: ChildProcess, status: int) -> None:
        child.kill_session()
        process.child = None
        if self._clock() - process.started_at >= STABLE_SECONDS:
            process.failures = 0
        self._schedule_restart(process, f"ended by signal {-status}" if status < 0 else f"ended with status {status}")

    def _schedule_restart(self, process: SupervisedProcess, reason: str) -> None:
        delay = min(LONGEST_RESTART_DELAY, FIRST_RESTART_DELAY * 2**process.failures)
        process.failures += 1
        process.ready = False
        process.restart_at = self._clock() + delay
        self._report(process.spec.name, f"{reason}; starting again in {delay:g} s (see {process.spec.log.path})")
