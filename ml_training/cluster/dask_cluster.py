"""Fits on the workers of a Dask cluster, and watches them; the job's process learns nothing but the model.

LightGBM's own Dask estimators are not used: they take the rows as Dask collections, which hold them in the memory of
the cluster's workers beside the binned ones, run the fit in the workers themselves, where nothing can end it, and wait
without a limit when one of them is lost (LightGBM#4942). Each part runs in a process of its own instead, and both
sides end what does not get on (`gang`, `learn_part`).
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ml_training.cluster.failures import Failure, failed
from ml_training.cluster.gang import Gang, PartState
from ml_training.cluster.learn_part import TOPIC, learn_part
from ml_training.cluster.part import Part
from ml_training.domain.errors import AttemptLost, Interrupted, JobFailed, Unavailable
from ml_training.training.cluster_fit import Record
from ml_training.training.stage_progress import StageProgress

CONNECT = 10  # seconds
LOOK = 0.2  # seconds between two looks at requests to stop and at what the parts have said
SIGN = 2.0  # seconds between two signs of the job to its parts
PRESENT = 5.0  # seconds between two looks at which workers the cluster has
ANSWER = 15.0  # seconds in which a worker answers that has not begun its part
CAUSE = 2.0  # seconds for the part that failed first
LEAVE = 3.0  # seconds for the parts to end; less than a job has after a cancel
ROWS_OF_A_PART = 100  # at least: fewer are not worth another part
NO_WORKER = "the Dask cluster has no worker: start some with `dask worker`"
TURN = "ml-training"  # the semaphore: a cluster trains one model of this service at a time
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificates with which this service speaks to the cluster."""

    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None


@dataclass(frozen=True, slots=True)
class DaskCluster:
    """A cluster by the address of its scheduler; opened for each fit."""

    scheduler: str
    tls: Tls

    def client(self) -> Any:
        """A client that is to be awaited; raises OSError when the scheduler does not answer."""
        from distributed import Client, Security  # takes 20 MB, which only a job with this engine is to pay for

        files = {
            "tls_ca_file": self.tls.ca_file,
            "tls_client_cert": self.tls.cert_file,
            "tls_client_key": self.tls.key_file,
        }
        given = {name: str(path) for name, path in files.items() if path is not None}
        security = Security(require_encryption=True, **given) if given else None
        return Client(self.scheduler, asynchronous=True, security=security, timeout=CONNECT, set_as_default=False)


@dataclass(frozen=True, slots=True)
class DaskFit:
    """Fits the folds of one job on a cluster; see ClusterFit."""

    cluster: DaskCluster
    part: Part  # of a fit without a name

    def __call__(
        self, split: int | None, *, rows: int, rounds: int, squared: bool, progress: StageProgress, record: Record
    ) -> bytes:
        """See ClusterFit."""
        part = replace(self.part, split=split, name=f"{self.part.name}-{uuid.uuid4().hex}")
        fit = _Fit(part, rows=rows, rounds=rounds, squared=squared, progress=progress, record=record)
        try:
            return asyncio.run(fit.run(self.cluster))
        except (AttemptLost, Interrupted, JobFailed, MemoryError, Unavailable):
            raise
        except ImportError as error:
            raise Unavailable(f"this worker has no Dask: install the extra `dask` ({error})") from error
        except OSError as error:
            detail = f"the scheduler {self.cluster.scheduler} of the Dask cluster does not answer: {error}"
            progress.log(detail)
            raise Unavailable(detail) from error
        except (Exception, asyncio.CancelledError) as error:  # what Dask raises when its connections break in between
            raise AttemptLost(f"the fit on the Dask cluster ended with {type(error).__name__}: {error}") from error


@dataclass(slots=True)
class _Fit:
    part: Part
    rows: int
    rounds: int
    squared: bool
    progress: StageProgress
    record: Record

    async def run(self, cluster: DaskCluster) -> bytes:
        """Take a turn on the cluster and fit there; at the end nothing of it runs any more."""
        async with self._client(cluster) as client, self._turn(client):
            addresses = sorted(await self.watched(client.nthreads()))
            addresses = addresses[: max(1, self.rows // ROWS_OF_A_PART)]
            if not addresses:
                self.progress.log(NO_WORKER)
                raise Unavailable(NO_WORKER)
            self.progress.log(f"trains on {len(addresses)} workers of the Dask cluster: {', '.join(addresses)}")
            parts = _Parts(self, client, addresses)
            try:
                await parts.start()
                return await parts.model()
            except Exception as error:  # raised again: whatever it is, the user reads in the log what ended the fit
                self.progress.log(f"the fit on the Dask cluster ended: {error}")
                raise
            finally:
                await parts.end()

    async def watched(self, work: Awaitable[T]) -> T:
        """The result of some work of the cluster; raises Interrupted as soon as the job is to stop."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=LOOK))[0]:
                self.progress.check()
            return task.result()
        finally:
            task.cancel()

    @contextlib.asynccontextmanager
    async def _client(self, cluster: DaskCluster) -> AsyncIterator[Any]:
        client = cluster.client()
        try:
            await self.watched(client)
            yield client
        finally:
            await _at_most(LEAVE, client.close())

    @contextlib.asynccontextmanager
    async def _turn(self, client: Any) -> AsyncIterator[None]:
        """A lease of the only turn; Dask gives it to another one when this process does not renew it."""
        from distributed import Semaphore

        turn = Semaphore(max_leases=1, name=TURN, scheduler_rpc=client.scheduler, loop=client.loop)
        waits = False
        while not await self.watched(turn.acquire(timeout=1)):
            if not waits:
                self.progress.log("waits for its turn on the Dask cluster: it trains another model")
                waits = True
        try:
            yield
        finally:
            await _at_most(LEAVE, turn.release())


class _Parts:
    """The tasks of one fit."""

    def __init__(self, fit: _Fit, client: Any, addresses: list[str]) -> None:
        from distributed import Variable

        self._fit, self._client, self._addresses = fit, client, addresses
        now = time.monotonic()
        self._gang = Gang([PartState() for _ in addresses], began=now, rounds=fit.rounds, squared=fit.squared)
        self._orders = Variable(fit.part.name, client=client)
        self._sign = 0
        self._futures: list[Any] = []
        self._background: list[asyncio.Task[None]] = []
        self._results: dict[int, dict[str, Any]] = {}  # by the number of the part
        self._lost: Exception | None = None

    async def start(self) -> None:
        """Submit one task to each worker."""
        self._client.subscribe_topic(TOPIC, self._hear)
        await self._fit.watched(self._say())
        count = len(self._addresses)
        for number, address in enumerate(self._addresses):
            future = self._client.submit(
                learn_part,
                self._fit.part.numbered(number, count).to_json(),
                key=f"{self._fit.part.name}-{number}",
                workers=[address],
                allow_other_workers=False,
                retries=0,
                pure=False,
            )
            self._futures.append(future)
        for loop in (self._keep_saying(), self._keep_looking()):
            self._background.append(asyncio.create_task(loop))

    async def model(self) -> bytes:
        """Wait for the end of all parts; raises what ended one of them, or what ends the whole."""
        while len(self._results) < len(self._futures):
            await asyncio.sleep(LOOK)
            self._fit.progress.check()
            self._report()
            await self._collect()
            if self._failures():
                await asyncio.sleep(CAUSE)  # the parts that a failed one leaves alone may fail before it is heard of
                await self._collect()
                raise self._cause()
            trouble = self._gang.trouble(time.monotonic()) or self._lost
            if trouble is not None:
                raise trouble
        self._report()
        return next(bytes(one["model"]) for one in self._results.values() if one["model"] is not None)

    def _failures(self) -> list[dict[str, Any]]:
        return [result for result in self._results.values() if "failure" in result]

    def _cause(self) -> Exception:
        """The failure that says most: one that is not only the loss of another part."""
        lost = Failure.LOST.value
        found = min(self._failures(), key=lambda result: bool(result["failure"] == lost))
        return failed(Failure(found["failure"]), found["detail"])

    async def _collect(self) -> None:
        """Take the results of the tasks that have ended."""
        for number, future in enumerate(self._futures):
            if future.status != "pending" and number not in self._results:
                self._results[number] = await _result(future)
                self._gang.parts[number].has_ended = True

    async def end(self) -> None:
        """Ask every part to end, wait for it, and take back what the scheduler holds."""
        for task in self._background:
            task.cancel()
        self._client.unsubscribe_topic(TOPIC)
        if any(future.status == "pending" for future in self._futures):
            await _at_most(LEAVE, self._stop())
        with contextlib.suppress(OSError):
            await _at_most(LEAVE, self._client.cancel(self._futures, force=True))
            self._orders.delete()

    async def _stop(self) -> None:
        await self._say(stop=True)
        while any(future.status == "pending" for future in self._futures):
            await asyncio.sleep(LOOK)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        message = event[1]
        if message["name"] == self._fit.part.name:
            self._gang.hear(message["number"], message, time.monotonic())

    def _report(self) -> None:
        fit = self._fit
        for number, losses in self._gang.finished_rounds(time.monotonic()):
            fit.record(number, **losses)
            fit.progress.step(number, fit.rounds, f"round {number} of {fit.rounds} on {len(self._addresses)} workers")

    async def _say(self, *, stop: bool = False) -> None:
        """Give a sign, which says that the job still wants its parts, or does not."""
        self._sign += 1
        await self._orders.set({"sign": self._sign, "machines": self._gang.machines, "stop": stop})

    async def _keep_saying(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # the parts end by themselves when this lasts
                await self._say()
            await asyncio.sleep(LOOK if self._gang.begun < len(self._addresses) else SIGN)

    async def _keep_looking(self) -> None:
        while self._lost is None:
            await asyncio.sleep(PRESENT)
            try:
                self._lost = await self._missing()
            except TimeoutError:
                self._lost = failed(Failure.LOST, "a worker of the Dask cluster does not answer")
            except Exception as error:  # noqa: BLE001 - whatever Dask raises: `model` ends with it
                self._lost = failed(Failure.LOST, f"the Dask cluster does not answer: {type(error).__name__}: {error}")

    async def _missing(self) -> Exception | None:
        """Notice workers that have left the cluster, and frozen ones that have not begun (TimeoutError)."""
        present = await self._client.nthreads()
        missing = [address for address in self._addresses if address not in present]
        if missing:
            return failed(Failure.LOST, f"a worker has left the Dask cluster: {', '.join(missing)}")
        for address, part in zip(self._addresses, self._gang.parts, strict=True):
            if part.heard_at is None:
                await asyncio.wait_for(self._client.run(_nothing, workers=[address]), ANSWER)
        return None


def _nothing() -> None:
    """Runs on a worker to see whether it answers."""


async def _result(future: Any) -> dict[str, Any]:
    """The result of a task that has ended; what Dask made of it, such as KilledWorker, is the loss of a part."""
    if future.status == "finished":
        result: dict[str, Any] = await future
        return result
    error = await future.exception() if future.status == "error" else future.status
    return {"failure": Failure.LOST.value, "detail": f"a part ended with {type(error).__name__}: {error}"}


async def _at_most(seconds: float, work: Awaitable[Any]) -> None:
    """Wait for the end of some work, but not longer: at the end of a fit nothing may hang, and nothing more is lost."""
    with contextlib.suppress(TimeoutError, OSError):
        await asyncio.wait_for(work, seconds)
