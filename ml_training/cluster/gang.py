"""What the parts of one fit have said, and whether they still get on; rules without I/O.

LightGBM's parts wait for each other without a limit of time, so one that is lost or frozen stops all of them, some with
an idle processor and some in a loop that reads from a closed socket. So there are limits on what a part may do: be
silent, be without work while the others are too, connect, and finish a round.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_training.cluster.failures import Failure, failed

SILENT = 20.0  # seconds: a part tells something every second
IDLE = 30.0  # without work in any part
WORK = 0.05  # of `work`, which is about seconds of a processor
CONNECTING = 30.0  # all parts are ready by then: it takes milliseconds
SLOW_ROUND, SLOW_TIMES = 60.0, 20.0  # a round may take this long, and this many times as long as the slowest before
Losses = dict[str, float]


@dataclass(slots=True)
class PartState:
    """What one part has said.

    heard_at: None while its cluster worker has not begun; weights: of the rows of each loss; has_ended: nothing more
    is heard of it.
    """

    heard_at: float | None = None
    stage: str = "waiting"
    stage_at: float = 0.0
    address: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    work: float = 0.0
    rounds: dict[int, Losses] = field(default_factory=dict)  # that not all parts have finished
    has_ended: bool = False


@dataclass(slots=True)
class Gang:
    """The parts of a fit of `rounds`; times are those of a clock that never goes back.

    squared: whether a loss is the root of a mean of squares.
    """

    parts: list[PartState]
    began: float
    rounds: int
    squared: bool
    round: int = 0  # the last one that every part has finished
    _moved: float = field(init=False)
    _round_at: float | None = None
    _slowest: float = 0.0

    def __post_init__(self) -> None:
        self._moved = self.began

    def hear(self, number: int, message: Mapping[str, Any], now: float) -> None:
        """Take in what a part tells."""
        part = self.parts[number]
        part.heard_at = now
        if message["stage"] != part.stage:
            part.stage, part.stage_at, self._moved = message["stage"], now, now
        if "port" in message:
            part.address, part.weights = f"{message['host']}:{message['port']}", message["weights"]
        if message["work"] - part.work >= WORK:
            part.work, self._moved = message["work"], now
        for one in message["rounds"]:
            part.rounds[one["round"]] = one["losses"]
            self._moved = now

    @property
    def machines(self) -> list[str] | None:
        """The addresses of all parts, once every one of them waits for the others."""
        found = [part.address for part in self.parts if part.address is not None]
        return found if len(found) == len(self.parts) else None

    @property
    def begun(self) -> int:
        """How many parts have begun."""
        return sum(part.heard_at is not None for part in self.parts)

    def finished_rounds(self, now: float) -> Iterator[tuple[int, Losses]]:
        """Each round that every part has finished since the last call, with the losses of all rows together."""
        while all(self.round + 1 in part.rounds for part in self.parts):
            self.round += 1
            losses = [part.rounds.pop(self.round) for part in self.parts]
            if self._round_at is not None:
                self._slowest = max(self._slowest, now - self._round_at)
            self._round_at = now
            yield self.round, self._together(losses)

    def _together(self, losses: list[Losses]) -> Losses:
        """The mean of each loss, weighted by the rows that it is of; of a root mean square the squares are averaged."""
        power = 2 if self.squared else 1
        found = {}
        for name in dict.fromkeys(name for one in losses for name in one):
            having = [(part, one) for part, one in zip(self.parts, losses, strict=True) if name in one]
            weights = [part.weights[name] for part, _ in having]
            sums = sum(weight * one[name] ** power for weight, (_, one) in zip(weights, having, strict=True))
            found[name] = float((sums / sum(weights)) ** (1 / power))
        return found

    def trouble(self, now: float) -> Exception | None:
        """Why this fit will not end by itself; None while it may."""
        for number, part in enumerate(self.parts):
            if part.heard_at is None or part.has_ended:
                continue
            if now - part.heard_at > SILENT:
                return failed(Failure.LOST, f"nothing is heard of {self._named(number)} for {SILENT:.0f} s")
            if part.stage == "connecting" and now - part.stage_at > CONNECTING:
                return failed(Failure.LOST, f"{self._named(number)} cannot connect to the others: are its ports open?")
        if self.begun == len(self.parts) and now - self._moved > IDLE:
            return failed(Failure.LOST, f"no part has worked for {IDLE:.0f} s: they wait for each other")
        limit = max(SLOW_ROUND, SLOW_TIMES * self._slowest)
        if self._round_at is not None and self.round < self.rounds and now - self._round_at > limit:
            return failed(Failure.LOST, f"round {self.round + 1} takes more than {limit:.0f} s")
        return None

    def _named(self, number: int) -> str:
        address = self.parts[number].address
        return f"part {number + 1} of {len(self.parts)}" + (f" on {address}" if address else "")
