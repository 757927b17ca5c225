"""Detection of taken ports."""

import socket

from ml_training.local.ports import is_taken


def test_a_port_is_taken_only_while_a_server_listens() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert is_taken("127.0.0.1", port)
    assert not is_taken("127.0.0.1", port)
