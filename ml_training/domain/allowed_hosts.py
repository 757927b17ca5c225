"""The names under which a server may be asked.

A foreign page can make its own name resolve to this machine (DNS rebinding); its scripts then look as if they came
from the service. Only the name that the browser asked for, in the header Host, shows the difference.
"""

import re

LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
NAME = r"\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9._-]*[a-z0-9])?"
HOST = re.compile(rf"({NAME})(:[0-9]{{1,5}})?", re.ASCII)
HOST_NAME = re.compile(NAME, re.ASCII)
AFTER_HOST = re.compile(r"[/?#]")


class AllowedHosts:
    """The local names and the address that a server listens on, and the names that a setting adds."""

    def __init__(self, listens_on: str, named: str = "") -> None:
        self._own = frozenset({*LOCAL_NAMES, _in_brackets(listens_on.lower())})
        self._all = self._own | frozenset(host_names(named))

    def allows(self, host: str) -> bool:
        """Whether a header Host, NAME or NAME:PORT, names this server; an empty or malformed one does not."""
        return _name_of(host) in self._all

    @staticmethod
    def is_local(host: str) -> bool:
        """Whether `host` is a name that every machine gives itself."""
        return _name_of(host) in LOCAL_NAMES

    def is_own(self, host: str) -> bool:
        """Whether `host` is a name of this server itself, and not one of a proxy in front of it."""
        return _name_of(host) in self._own


def host_names(setting: str) -> list[str]:
    """The names in a list with commas, in lower case; raises ValueError for what is no name."""
    names = [_in_brackets(part.strip().lower()) for part in setting.split(",") if part.strip()]
    for name in names:
        if HOST_NAME.fullmatch(name) is None:
            raise ValueError("must be names or addresses without port, separated by commas, such as ml.example.org")
    return names


def split_target(target: str) -> tuple[str | None, str]:
    """The host and the path of a request target; no host is in a path, and an empty one in what is not a URI."""
    if target.startswith("/") or target == "*":
        return None, target.partition("?")[0]
    _, separator, rest = target.partition("://")
    if not separator:
        return "", ""
    end = AFTER_HOST.search(rest)
    start = len(rest) if end is None else end.start()
    return rest[:start], rest[start:].partition("?")[0] or "/"


def _name_of(host: str) -> str:
    found = HOST.fullmatch(host.lower())
    return "" if found is None else found[1]


def _in_brackets(name: str) -> str:
    return f"[{name}]" if ":" in name and not name.startswith("[") else name
