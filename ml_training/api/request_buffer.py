"""The bytes of a request that is still on its way, and whether enough of it is here to give it a thread."""

import re
from enum import Enum, auto

HEAD_BYTES = 16 << 10
BODY_BYTES = 16 << 10  # a larger body is read by a thread, but by one of the slow lane
END_OF_HEAD = b"\r\n\r\n"
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:", re.IGNORECASE)  # the client sends its body only after an answer


class RequestState(Enum):
    """How far a request has come."""

    PARTIAL = auto()  # wait for more
    READY = auto()  # a thread would not have to wait for more
    TOO_LARGE = auto()  # its head is over the limit
    DISCONNECTED = auto()  # the client has gone


class RequestBuffer:
    """Collects one request; holds at most a head, a small body and one read beyond them."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._wanted: int | None = None  # bytes of head and small body, once the head is here

    def add(self, data: bytes) -> RequestState:
        """Take what has arrived."""
        searched = max(0, len(self._data) - len(END_OF_HEAD) + 1)
        self._data += data
        if self._wanted is None and (end := self._data.find(END_OF_HEAD, searched)) >= 0:
            self._wanted = _wanted(bytes(self._data[: end + 2]))
        if self._wanted is None:
            return RequestState.TOO_LARGE if len(self._data) > HEAD_BYTES else RequestState.PARTIAL
        return RequestState.READY if len(self._data) >= self._wanted else RequestState.PARTIAL

    def end(self) -> RequestState:
        """Nothing more will come: a head without all of its body still gets an answer."""
        return RequestState.DISCONNECTED if self._wanted is None else RequestState.READY

    def take(self) -> bytes:
        """All bytes so far."""
        return bytes(self._data)


def _wanted(head: bytes) -> int:
    size = len(head) + 2
    length = CONTENT_LENGTH.search(head)
    if length is None or int(length[1]) > BODY_BYTES or EXPECT.search(head):
        return size
    return size + int(length[1])
