"""Whose address a request has behind proxies."""

import pytest

from ml_training.domain.trusted_proxies import TrustedProxies

PROXIES = TrustedProxies("10.0.0.7, 192.168.0.0/16, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("10.0.0.7", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("10.0.0.8", "203.0.113.9", "10.0.0.8"),
        ("10.0.0.7", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.7", "198.51.100.1, 203.0.113.9, 192.168.3.4", "203.0.113.9"),
        ("10.0.0.7", "10.0.0.7, 192.168.3.4", "10.0.0.7"),
        ("10.0.0.7", "203.0.113.9, unknown", "10.0.0.7"),
        ("10.0.0.7", "203.0.113.9:4711", "10.0.0.7"),
        ("::ffff:10.0.0.7", "2001:DB8::1", "2001:db8::1"),
        ("fd00::2", "::ffff:203.0.113.9", "203.0.113.9"),
        ("", "203.0.113.9", ""),
    ],
)
def test_it_is_the_last_one_that_no_trusted_proxy_has(peer: str, forwarded_for: str, client: str) -> None:
    assert PROXIES.client_address(peer, forwarded_for) == client


def test_without_proxies_the_header_is_not_believed() -> None:
    assert TrustedProxies().client_address("127.0.0.1", "203.0.113.9") == "127.0.0.1"


@pytest.mark.parametrize("networks", ["proxy.example.org", "10.0.0.1/8", "10.0.0.0/33", ",".join(["10.0.0.1"] * 101)])
def test_what_is_no_network_is_refused(networks: str) -> None:
    with pytest.raises(ValueError, match=r"^must be "):
        TrustedProxies(networks)
