"""What the service has promised, as its clients saw it: every 202, every cancel answered 202, every end."""

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class History:
    """Filled by clients, read by the checker; knows nothing of tables or processes. Thread-safe."""

    accepted: dict[int, str] = field(default_factory=dict)  # job id -> name of its spec
    owners: dict[int, object] = field(default_factory=dict)  # job id -> the clients that it was accepted from
    hidden: int = 0  # times that a job of another project was asked for and not found
    tokens: set[str] = field(default_factory=set)  # one a job that a client wanted
    cancels: set[int] = field(default_factory=set)  # answered 202
    cancels_asked: set[int] = field(default_factory=set)  # answered or not
    cancels_of_running: set[int] = field(default_factory=set)
    ends: dict[int, str] = field(default_factory=dict)  # the first terminal state that was seen
    changed: list[str] = field(default_factory=list)  # a terminal state that became another, or a promise taken back
    surprises: Counter[str] = field(default_factory=Counter)  # answers that no client should ever get
    refused: Counter[int] = field(default_factory=Counter)  # honest answers: try again later
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wants(self, token: str) -> None:
        """A client will ask until it has its 202."""
        with self._lock:
            self.tokens.add(token)

    def accept(self, job_id: int, spec: str, *, before: int | None, owner: object = None) -> None:
        """A 202; `before` is the id that the same key gave before; owner: the clients of a project."""
        with self._lock:
            if before is not None and before != job_id:
                self.changed.append(f"the key of job {before} gave job {job_id}")
            self.accepted[job_id] = spec
            self.owners[job_id] = owner

    def of_others(self, owner: object) -> list[int]:
        """The jobs that were accepted from the clients of other projects."""
        with self._lock:
            return [job_id for job_id, found in self.owners.items() if found not in (None, owner)]

    def hide(self) -> None:
        """A job of another project was not found, as it should be."""
        with self._lock:
            self.hidden += 1

    def ask_cancel(self, job_id: int) -> None:
        """A cancel was sent: the job may be CANCELLED from now on."""
        with self._lock:
            self.cancels_asked.add(job_id)

    def cancel(self, job_id: int, *, was_running: bool) -> None:
        """A cancel was answered 202."""
        with self._lock:
            self.cancels.add(job_id)
            if was_running:
                self.cancels_of_running.add(job_id)

    def saw(self, job_id: int, status: str) -> None:
        """A job was shown with this state."""
        with self._lock:
            end = self.ends.get(job_id)
            if end is not None and end != status:
                self.changed.append(f"job {job_id} was {end} and is {status}")
            elif status in ("COMPLETED", "FAILED", "CANCELLED"):
                self.ends[job_id] = status

    def surprise(self, what: str) -> None:
        """An answer that is none of the documented ones."""
        with self._lock:
            self.surprises[what] += 1

    def refuse(self, status: int) -> None:
        """A 429 or 503."""
        with self._lock:
            self.refused[status] += 1
