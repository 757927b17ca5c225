"""The address of a client behind proxies, from the header X-Forwarded-For.

Each proxy appends the address that it was asked from. What a client writes into the header itself is on the left,
so the list is read from the right, and only as far as its addresses are those of trusted proxies (RFC 7239, section 8).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

MOST_NETWORKS = 100


class TrustedProxies:
    """The networks in a list with commas; raises ValueError for what is no address or network."""

    def __init__(self, networks: str = "") -> None:
        self._networks = [_network(part.strip()) for part in networks.split(",") if part.strip()]
        if len(self._networks) > MOST_NETWORKS:
            raise ValueError(f"must be at most {MOST_NETWORKS} networks")

    def client_address(self, peer: str, forwarded_for: str) -> str:
        """The first address, from the right, that is no trusted proxy. peer: the other end of the connection.

        A text that is no address ends the search: the proxy before it has not said who asked.
        """
        client = peer
        for text in reversed(forwarded_for.split(",")):
            if not self._trusts(client):
                break
            address = _address(text.strip())
            if address is None:
                break
            client = str(address)
        return client

    def _trusts(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._networks)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError("must be addresses or networks separated by commas, such as 10.0.0.7 or 10.0.0.0/24") from None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
