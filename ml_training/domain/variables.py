"""The environment variables that a client reads too, and where a stack on this machine is found without them."""

import ipaddress

PREFIX = "ML_TRAINING_"
DEFAULT_DATA_DIR = "var"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_API_PORT = 8000
RUN_FILE = "run.json"  # in the data directory
WILDCARD_HOSTS = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - read here, not bound


class SettingsError(Exception):
    """The environment holds invalid values; the message lists all of them."""


def http_url(host: str, port: int | str, *, tls: bool = False) -> str:
    """The URL of a server on this machine; a wildcard host such as 0.0.0.0 becomes the loopback address."""
    host = WILDCARD_HOSTS.get(host, host)
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a server on this host can be reached from its own machine only; not for a wildcard such as 0.0.0.0."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
