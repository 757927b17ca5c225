"""The socket of one client: a thread that answers never waits for a client that does not read the whole answer.

What the kernel does not take at once is kept here, and the event loop sends it. An answer that is made piece by piece
(a download, a stream of events) waits while BUFFER_BYTES are unsent; it holds a slow-request permit, so that such
answers never occupy all threads.
"""

import contextlib
import errno
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ml_training.process.certificate import ServerCertificate
from ml_training.process.tls import TlsConnection

READ_BYTES = 16 << 10
BUFFER_BYTES = 64 << 10
SEND_SECONDS = 10.0  # a client that takes nothing of its answer for this long is disconnected
# Without it the kernel holds megabytes of an answer, and a slow client looks as if it took nothing for minutes.
NOT_SENT_BYTES = 128 << 10
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, and forget what was not sent


@dataclass(slots=True)
class Parking:
    """Whether the request that a connection serves may wait without a thread, or has; see parked_requests.py."""

    is_allowed: bool = False
    has_waited: bool = False
    watch: Callable[[Callable[[], object]], Callable[[], object]] | None = None  # set by a view that wants to wait


class ClientSocket(socket.socket):
    """A connection with a buffer for what is still to be sent; threads write to it, the event loop empties it."""

    scheme = "http"

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.on_unsent: Callable[[], object] = lambda: None  # called by a thread when the event loop has to send
        self.progress_at = time.monotonic()  # when the client last took something
        self.is_broken = False
        self.parking = Parking()
        self._changed = threading.Condition()
        self._pieces: deque[memoryview] = deque()
        self._unsent = 0
        if self.family != socket.AF_UNIX and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            with contextlib.suppress(OSError):  # the client has gone already
                self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOT_SENT_BYTES)

    @property
    def unsent(self) -> int:
        """The bytes that the event loop has to send."""
        return self._unsent

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]  # gunicorn sends bytes only
        """Send or keep all of `data`; waits only while another BUFFER_BYTES are unsent. Raises BrokenPipeError."""
        with self._changed:
            has_room = self._changed.wait_for(lambda: self.is_broken or self._unsent <= BUFFER_BYTES, SEND_SECONDS)
            if self.is_broken or not has_room:
                raise BrokenPipeError(errno.EPIPE, "the client does not read its answer")
            is_first = not self._pieces
            sent = self._send_now(data, flags) if is_first else 0
            if sent < len(data):
                self._pieces.append(memoryview(data)[sent:])
                self._unsent += len(data) - sent
        if is_first and sent < len(data):
            self.on_unsent()

    def send(self, data: bytes, flags: int = 0) -> int:  # type: ignore[override]  # for "100 Continue"
        """Like `sendall`."""
        self.sendall(data, flags)
        return len(data)

    def receive_ready(self) -> bytes:
        """What has arrived, without waiting; empty at the end of the connection. Only the event loop calls it."""
        return self.recv(READ_BYTES)

    def take_received(self) -> bytes:
        """What has arrived and does not make the socket readable any more; only TLS has such bytes."""
        return b""

    def send_unsent(self) -> bool:
        """Send what the client takes now; whether nothing is left. Only the event loop calls it; raises OSError."""
        with self._changed:
            if self.is_broken:
                raise BrokenPipeError(errno.EPIPE, "the connection was given up")
            if self._pieces:
                self._take(self._send_now(self._pieces[0], 0))
            return not self._pieces

    def give_up(self) -> None:
        """Forget what is unsent: the next write fails, and the connection will be closed with a reset."""
        with self._changed:
            self.is_broken = True
            self._pieces.clear()
            self._unsent = 0
            self._changed.notify_all()
        with contextlib.suppress(OSError):  # closed already
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def close(self) -> None:
        """Close the connection; while the event loop sends on it, only give it up: the loop closes it then."""
        if self._unsent:
            self.give_up()
        else:
            super().close()

    def _send_now(self, data: bytes | memoryview, flags: int) -> int:
        try:
            sent = super().send(data, flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        self.progress_at = time.monotonic()
        return sent

    def _take(self, sent: int) -> None:
        piece = self._pieces.popleft()
        if sent < len(piece):
            self._pieces.appendleft(piece[sent:])
        self._unsent -= sent
        self._changed.notify_all()


class TlsClientSocket(ClientSocket):
    """The same with TLS. The keys are made while the event loop waits for a request: a slow client holds no thread."""

    scheme = "https"

    def __init__(self, accepted: socket.socket, certificate: ServerCertificate) -> None:
        super().__init__(accepted)
        self._tls = TlsConnection(certificate.context(), self._send_at_once)
        self._received = b""

    def recv(self, size: int, flags: int = 0) -> bytes:
        """At most `size` bytes of what the client sent, empty at the end; raises BlockingIOError, OSError."""
        while not self._received and not self._tls.has_ended:
            data = super().recv(READ_BYTES, flags)
            if not data:
                return b""
            self._received = self._tls.decrypt(data)
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def receive_ready(self) -> bytes:
        """All that has arrived: what is left here would wake nobody."""
        return self.recv(READ_BYTES) + self.take_received()

    def take_received(self) -> bytes:
        """What was read beyond the request."""
        taken, self._received = self._received, b""
        return taken

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]  # gunicorn sends bytes only
        """Like that of ClientSocket."""
        if data:
            super().sendall(self._tls.encrypt(data), flags)

    def shutdown(self, how: int) -> None:
        """Tell the client that the answer is complete, then half-close the connection."""
        with contextlib.suppress(OSError):  # the client has gone
            self._send_at_once(self._tls.end())
        super().shutdown(how)

    def _send_at_once(self, data: bytes) -> None:
        # Small and rare beside answers: a client that does not take it is not worth waiting for.
        with self._changed:
            if self._pieces or self._send_now(data, 0) < len(data):
                raise BrokenPipeError(errno.EPIPE, "the client does not read")
