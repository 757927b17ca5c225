"""Finds free TCP ports and detects taken ones, before a server fails to bind with a stack trace."""

import errno
import socket


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago; another process may still take it before the caller binds it."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_taken(host: str, port: int) -> bool:
    """Whether another process listens on `host`:`port`; raises OSError when the address cannot be bound at all."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        # As servers do: connections of an earlier run in TIME_WAIT do not make the port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False
