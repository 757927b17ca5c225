"""Buffers a request that is still arriving, and decides when enough has arrived to give it a thread."""

import re
from enum import Enum, auto

HEAD_BYTES = 16 << 10
BODY_BYTES = 16 << 10  # a thread reads a larger body, and needs a slow-request permit for it
END_OF_HEAD = b"\r\n\r\n"
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:", re.IGNORECASE)  # the client sends its body only after an answer


class RequestState(Enum):
    """How much of a request has arrived."""

    PARTIAL = auto()  # wait for more
    READY = auto()  # a thread would not wait for more bytes
    TOO_LARGE = auto()  # its head is over the limit
    DISCONNECTED = auto()  # the client has gone


class RequestBuffer:
    """Collects one request; holds at most a head, a small body and one read beyond them."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._expected: int | None = None  # bytes of head and small body, once the head is here

    def add(self, data: bytes) -> RequestState:
        """Add bytes that arrived."""
        searched = max(0, len(self._data) - len(END_OF_HEAD) + 1)
        self._data += data
        if self._expected is None and (end := self._data.find(END_OF_HEAD, searched)) >= 0:
            self._expected = _expected(bytes(self._data[: end + 2]))
        if self._expected is None:
            return RequestState.TOO_LARGE if len(self._data) > HEAD_BYTES else RequestState.PARTIAL
        return RequestState.READY if len(self._data) >= self._expected else RequestState.PARTIAL

    def end(self) -> RequestState:
        """The client sends nothing more: a complete head without its whole body still gets an answer."""
        return RequestState.DISCONNECTED if self._expected is None else RequestState.READY

    def take(self) -> bytes:
        """All bytes so far."""
        return bytes(self._data)


def _expected(head: bytes) -> int:
    size = len(head) + 2
    length = CONTENT_LENGTH.search(head)
    if length is None or int(length[1]) > BODY_BYTES or EXPECT.search(head):
        return size
    return size + int(length[1])
