"""Group commit: requests of one process that arrive together share one transaction, and so one wait for the disk.

There is no thread for it: the first request leads. It opens the transaction, takes all requests that have come by
then, stores them, commits, and tells the others; the first one that came later leads the next group. Each request gets
its own answer, after the COMMIT.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from sqlalchemy import Connection

from ml_training.domain.errors import Unavailable

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")
LARGEST_GROUP = 64
ENDS = "the process ends: try again"
Begin = Callable[[], AbstractContextManager[Connection]]
Store = Callable[[Connection, Sequence[RequestT]], Sequence[AnswerT | Exception]]


class _Waiting(Generic[RequestT, AnswerT]):
    """A request; `woken` is released when it is answered, or is to lead the next group."""

    def __init__(self, request: RequestT) -> None:
        self.request = request
        self.answer: AnswerT | Exception | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


class GroupCommit(Generic[RequestT, AnswerT]):
    """Stores requests in groups; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[_Waiting[RequestT, AnswerT]] = deque()
        self._is_led = False

    def run(self, begin: Begin, store: Store[RequestT, AnswerT], request: RequestT) -> AnswerT:
        """Store the request and return its answer, or raise its error.

        begin: opens a transaction. store: returns an answer or an error for each request of a group, in their order.
        When it raises, nothing of the group was stored, and each request is stored in a transaction of its own: so a
        request that breaks a group fails alone. Both must do the same at every call.
        """
        own: _Waiting[RequestT, AnswerT] = _Waiting(request)
        with self._lock:
            self._queue.append(own)
            leads, self._is_led = not self._is_led, True
        if not leads:
            own.woken.acquire()
        if own.answer is None:
            self._lead(begin, store)
        if own.answer is None or isinstance(own.answer, Exception):
            raise own.answer or RuntimeError("a leader answers every request of its group, its own too")
        return own.answer

    def _lead(self, begin: Begin, store: Store[RequestT, AnswerT]) -> None:
        group: list[_Waiting[RequestT, AnswerT]] = []
        try:
            self._commit(begin, store, group)
        except BaseException as error:  # also the end of the process: who waits for this thread must be woken
            group = group or self._take()  # the transaction did not even begin
            for waiting in group:
                waiting.answer = error if isinstance(error, Exception) else Unavailable(ENDS, retry_after=2)
            raise
        finally:
            with self._lock:
                following = self._queue[0] if self._queue else None
                self._is_led = following is not None
            for waiting in (*group, *([following] if following else [])):
                waiting.woken.release()

    def _commit(self, begin: Begin, store: Store[RequestT, AnswerT], group: list[_Waiting[RequestT, AnswerT]]) -> None:
        try:
            with begin() as connection:
                group += self._take()
                answers = store(connection, [waiting.request for waiting in group])
        except Unavailable:
            raise  # each alone would wait as long, and fail as well
        except Exception:  # of any request of the group: each is stored alone then, and only that one fails
            if len(group) < 2:
                raise
            answers = [_alone(begin, store, waiting.request) for waiting in group]
        for waiting, answer in zip(group, answers, strict=True):
            waiting.answer = answer

    def _take(self) -> list[_Waiting[RequestT, AnswerT]]:
        with self._lock:
            return [self._queue.popleft() for _ in range(min(len(self._queue), LARGEST_GROUP))]


def _alone(begin: Begin, store: Store[RequestT, AnswerT], request: RequestT) -> AnswerT | Exception:
    try:
        with begin() as connection:
            return store(connection, [request])[0]
    except Exception as error:  # noqa: BLE001 - it is the answer to this request, which raises it
        return error
