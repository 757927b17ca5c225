"""Keeps a list of services alive: restarts what dies with a growing pause, and stops all in order."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ml_training.local.child_process import Child, Service
from ml_training.local.orphan_guard import Guard

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
SETTLED_SECONDS = 60.0  # who lived as long as this starts again with the first pause
Say = Callable[[str, str], None]  # (name of the service, what happened)


@dataclass(slots=True)
class Member:
    """One service and its present process, if it has one."""

    service: Service
    child: Child | None = None
    ready: bool = False
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0

    @property
    def pid(self) -> int | None:
        """The process id now; None between two lives."""
        return self.child.pid if self.child else None


class Supervisor:
    """Starts, watches and stops; `tick` does the work and must be called a few times a second."""

    def __init__(self, *, guard: Guard, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._guard = guard
        self._say = say
        self._clock = clock
        self.members: list[Member] = []

    def start(self, service: Service) -> Member:
        """Start a service and watch it from now on."""
        member = Member(service)
        self.members.append(member)
        self._launch(member)
        return member

    def tick(self) -> None:
        """Notice who died or became ready, start whose pause is over, keep the logs short."""
        for member in self.members:
            if member.child is None:
                if self._clock() >= member.restart_at:
                    self._launch(member)
            elif (status := member.child.poll()) is not None:
                self._died(member, member.child, status)
            elif not member.ready and member.service.ready(member.child.pid):
                member.ready = True
                self._say(member.service.name, "ready")
            member.service.log.bound()

    def all_ready(self) -> bool:
        """Whether every service has answered since its last start."""
        return all(member.ready for member in self.members)

    def unready(self) -> list[Member]:
        """Those that have not."""
        return [member for member in self.members if not member.ready]

    def stop(self, order: Sequence[str], *, hurry: Callable[[], bool] = lambda: False) -> None:
        """Stop the services named in `order` one after the other, then any other."""
        rank = {name: number for number, name in enumerate(order)}
        for member in sorted(self.members, key=lambda member: rank.get(member.service.name, len(rank))):
            if member.child is not None:
                left = member.child.stop(hurry=hurry)
                self._say(member.service.name, "stopped" if left else "killed: it did not stop in time")
        self.members.clear()

    def _launch(self, member: Member) -> None:
        member.started_at = self._clock()
        member.ready = False
        try:
            member.child = Child(member.service, guard=self._guard)
        except OSError as error:  # no memory, no process left, disk full: as good a reason to try again as a crash
            self._pause(member, f"could not be started ({error})")

    def _died(self, member: Member, child: Child, status: int) -> None:
        child.bury()
        member.child = None
        if self._clock() - member.started_at >= SETTLED_SECONDS:
            member.failures = 0
        self._pause(member, f"ended by signal {-status}" if status < 0 else f"ended with status {status}")

    def _pause(self, member: Member, why: str) -> None:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**member.failures)
        member.failures += 1
        member.ready = False
        member.restart_at = self._clock() + pause
        self._say(member.service.name, f"{why}; starting again in {pause:g} s (see {member.service.log.path})")
