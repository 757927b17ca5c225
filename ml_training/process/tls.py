"""TLS of the API and the exporter: one connection of a server, without its socket.

Python's own TLS socket waits where these servers must not; here the server moves the bytes, as it does without TLS.
"""

import ssl
from collections.abc import Callable

RECORD_BYTES = 16 << 10
NOT_TLS = b"this port speaks HTTPS only: write https:// in front of its address\n"
PLAIN_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"X-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n%s" % (len(NOT_TLS), NOT_TLS)
)


class TlsConnection:
    """TLS between a server and one client, for one thread at a time. reply: sends encrypted bytes at once."""

    def __init__(self, context: ssl.SSLContext, reply: Callable[[bytes], None]) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._reply = reply
        self.has_ended = False  # the client has said that it sends no more

    def decrypt(self, data: bytes) -> bytes:
        """The plain bytes of what has arrived, as far as complete: none during the handshake. Raises OSError."""
        self._incoming.write(data)
        try:
            return self._read()
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                self._reply(PLAIN_ANSWER)
            raise ConnectionResetError(f"not the TLS of this server: {error.reason}") from None
        finally:
            if answer := self._outgoing.read():
                self._reply(answer)

    def encrypt(self, data: bytes) -> bytes:
        """What to send for this answer; raises OSError before the end of the handshake."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]
        return self._outgoing.read()

    def end(self) -> bytes:
        """What tells the client that nothing more comes; empty before the end of the handshake."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:  # the client has not said the same yet
            return self._outgoing.read()
        return self._outgoing.read()

    def _read(self) -> bytes:
        pieces = []
        while not self.has_ended:
            try:
                piece = self._tls.read(RECORD_BYTES)
            except ssl.SSLWantReadError:
                break
            self.has_ended = not piece
            pieces.append(piece)
        return b"".join(pieces)
