"""`python -m ml_training.cluster.fit_part MODEL`: the process that fits a part, a child of a worker of the cluster.

LightGBM waits for the other parts in C code that nothing interrupts: when one of them ends, the rest read from a closed
socket for ever (`Linkers::Recv` takes 0 bytes for some). A process of its own can be killed at any time, and it ends
by itself when its parent does not speak to it any more.

stdin: the part as a line of JSON, later the addresses of all parts; an empty line says that the parent still wants it.
stdout: lines of JSON, each with one of `stage`, `port`, `round` or `failure`. The model goes to the file MODEL.
"""

import json
import os
import queue
import select
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ml_training.cluster.failures import Failure
from ml_training.cluster.part import Part, engine_versions
from ml_training.domain.errors import Invalid, JobFailed
from ml_training.domain.specs import TrainSpec, stored_spec
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import plan_train
from ml_training.settings import Settings, SettingsError, read_settings
from ml_training.storage.base import IntegrityError
from ml_training.storage.open_storage import open_storage
from ml_training.training.estimators.light_gbm_part import FoldPart, Network, PartCallbacks, fit_part
from ml_training.training.part_inputs import fold_of, unread_inputs

SILENCE = 20.0  # seconds without a word of the parent after which this process ends
CHUNK = 1 << 16
ALONE = 75  # the exit status then
STDIN, STDOUT, STDERR = 0, 1, 2


class OtherCluster(Exception):
    """This worker of the cluster cannot have a part; the message says what to change."""


class OtherVersions(OtherCluster):
    """A model of two versions would be that of neither."""


class Orders(threading.Thread):
    """Reads what the parent says, and ends the process when it is silent; ends it even while the library waits."""

    def __init__(self) -> None:
        super().__init__(name="orders", daemon=True)
        self._orders: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self) -> None:
        """Read until the parent is silent."""
        rest = b""
        while True:
            data = os.read(STDIN, CHUNK) if select.select([STDIN], [], [], SILENCE)[0] else b""
            if not data:
                os._exit(ALONE)
            *lines, rest = (rest + data).split(b"\n")
            for line in filter(None, lines):
                self._orders.put(json.loads(line))

    def next(self) -> Any:
        """The next order."""
        return self._orders.get()


class Answers:
    """Writes lines to the parent. The library writes its messages to stdout too: from now on they go to stderr."""

    def __init__(self) -> None:
        self._file = os.fdopen(os.dup(STDOUT), "w", encoding="utf-8")
        os.dup2(STDERR, STDOUT)

    def tell(self, **message: Any) -> None:
        """Write one line."""
        self._file.write(json.dumps(message) + "\n")
        self._file.flush()


def main(path: str) -> int:
    """Fit the part that stdin names; exit status 1 when a line says why that failed."""
    answers, orders = Answers(), Orders()
    orders.start()
    try:
        text = _fit(orders, answers)
    except Exception as error:  # noqa: BLE001 - the edge of a process: its parent decides what it means
        failure, detail = _reason(error)
        answers.tell(failure=failure.value, detail=detail)
        return 1
    if text is not None:
        Path(path).write_text(text, encoding="utf-8")
    return 0


def _fit(orders: Orders, answers: Answers) -> str | None:
    """The text of the model; None when another part hands it over."""
    part = Part.from_json(orders.next())
    threads, settings = int(orders.next()["threads"]), read_settings()
    _check_versions(part)
    answers.tell(stage="reading")
    storage = open_storage(settings)
    if storage.identity() != part.storage_id:
        raise OtherCluster(f"the storage {storage.place} is not the one of the service: set it as for its workers")
    if not storage.verify(part.index_key, part.index_sha256):
        raise OtherCluster(f"the storage {storage.place} does not hold {part.index_key}, or holds it damaged")
    with storage.local(part.index_key) as path:
        spec = stored_spec(part.spec)
        if not isinstance(spec, TrainSpec):
            raise TypeError("not the spec of a TRAIN job")
        plan, link = plan_train(spec, SelectionIndex.open(path)), _Link(orders, answers, settings)
        inputs = unread_inputs(plan, fold_of(plan, part.split), threads=threads)
        callbacks = PartCallbacks(ready=link.ready, linked=link.linked, after_round=link.after_round)
        text = fit_part(inputs, FoldPart(part.number, part.count), threads=threads, callbacks=callbacks)
    return text if part.number == 0 else None


def _check_versions(part: Part) -> None:
    own, wanted = engine_versions(), part.versions
    differ = sorted(name for name in own.keys() | wanted.keys() if own.get(name) != wanted.get(name))
    if differ:
        raise OtherVersions(f"has other versions than the job's worker of {', '.join(differ)}: use one image for both")


class _Link:
    """Tells the parent where this part listens, waits for the addresses of the others, and tells the rounds."""

    def __init__(self, orders: Orders, answers: Answers, settings: Settings) -> None:
        self._orders, self._answers = orders, answers
        first, _, last = settings.dask_ports.partition("-")
        self._ports = range(int(first), int(last) + 1)

    def ready(self, weights: Mapping[str, float]) -> Network:
        """See PartCallbacks."""
        with _bound(self._ports) as listener:
            port = listener.getsockname()[1]
            self._answers.tell(stage="ready", port=port, weights=dict(weights))
            machines = self._orders.next()["machines"]
        self._answers.tell(stage="connecting")
        return Network(tuple(machines), port)

    def linked(self) -> None:
        """See PartCallbacks."""
        self._answers.tell(stage="training")

    def after_round(self, number: int, losses: Mapping[str, float]) -> None:
        """See PartCallbacks."""
        self._answers.tell(round=number, losses=dict(losses))


def _bound(ports: range) -> socket.socket:
    """A socket that keeps a free port until the library listens on it; raises OSError when none is free."""
    begin = os.getpid() % len(ports)  # other parts on this host try other ports first
    for port in [*ports[begin:], *ports[:begin]]:
        listener = socket.socket()
        with suppress(OSError):
            listener.bind(("", port))
            return listener
        listener.close()
    raise OSError(f"no port of ML_TRAINING_DASK_PORTS ({ports.start}-{ports.stop - 1}) is free")


def _reason(error: Exception) -> tuple[Failure, str]:
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, OtherVersions):
        return Failure.VERSIONS, str(error)
    if isinstance(error, OtherCluster | SettingsError):
        return Failure.STORAGE, str(error)
    if isinstance(error, OSError | IntegrityError):
        return Failure.STORAGE, detail
    if isinstance(error, MemoryError) or "bad_alloc" in detail:
        return Failure.MEMORY, "a part of the rows does not fit into the memory of its cluster worker"
    if type(error).__name__ == "LightGBMError":  # not imported for its name: it may be what failed
        return Failure.LOST, detail
    return Failure.DEFECT, str(error) if isinstance(error, JobFailed | Invalid) else detail


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
