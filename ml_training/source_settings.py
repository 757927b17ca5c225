"""The settings of the places that data come from: connections to databases, and roots in buckets, each under a name.

ML_TRAINING_CONNECTIONS__WAREHOUSE is the URL of the connection `warehouse`; the same name with _FILE names a file that
holds the URL. ML_TRAINING_CONNECTION_PROJECTS__WAREHOUSE limits it to projects. SOURCES__ and SOURCE_PROJECTS__ do the
same for roots. No message holds a URL.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from ml_training.domain.origins import SOURCE_NAME, SOURCE_NAME_HINT
from ml_training.domain.variables import PREFIX
from ml_training.secret_files import read_secrets

CONNECTIONS, SOURCES = f"{PREFIX}CONNECTIONS__", f"{PREFIX}SOURCES__"
CONNECTION_PROJECTS, SOURCE_PROJECTS = f"{PREFIX}CONNECTION_PROJECTS__", f"{PREFIX}SOURCE_PROJECTS__"
FAMILIES = (CONNECTIONS, SOURCES, CONNECTION_PROJECTS, SOURCE_PROJECTS)
KINDS = {"postgresql": "postgresql", "postgres": "postgresql", "mariadb": "mariadb", "mysql": "mariadb"}
CONNECTION_FORM = (
    "must be postgresql://USER:PASSWORD@HOST:PORT/NAME or mariadb://USER:PASSWORD@HOST:PORT/NAME, "
    "with special characters of the password as %XX"
)
SOURCE_FORM = (
    "must be s3://BUCKET/PREFIX or s3://KEY_ID:SECRET@BUCKET/PREFIX, then perhaps ?endpoint=https://...&region=..., "
    "with special characters of the secret as %XX"
)
SOURCE_OPTIONS = frozenset({"endpoint", "region", "path_style"})
MARIADB_OPTIONS = frozenset({"ssl_ca", "connect_timeout"})
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_FILE = "_FILE"
Problem = tuple[str, str]  # (variable, remedy)


@dataclass(frozen=True, slots=True)
class NamedSource:
    """A connection or a root. projects: the names of those that may use it; None: all may."""

    kind: str  # postgresql, mariadb or s3
    url: SecretStr
    projects: frozenset[str] | None = None

    def is_open_to(self, project: str) -> bool:
        """Whether a project may use it."""
        return self.projects is None or project in self.projects


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """All connections and all roots, by name."""

    connections: Mapping[str, NamedSource] = field(default_factory=dict)
    roots: Mapping[str, NamedSource] = field(default_factory=dict)


def read_source_settings(environment: Mapping[str, str]) -> tuple[SourceSettings, list[Problem]]:
    """What the environment names, and everything that is wrong with it."""
    problems: list[Problem] = []
    connections = _family(environment, CONNECTIONS, CONNECTION_PROJECTS, _connection_kind, problems)
    roots = _family(environment, SOURCES, SOURCE_PROJECTS, _root_kind, problems)
    return SourceSettings(connections, roots), problems


def is_source_variable(name: str) -> bool:
    """Whether a variable, in capitals, belongs to one of the families."""
    return any(name.startswith(family) and len(name) > len(family) for family in FAMILIES)


def _family(
    environment: Mapping[str, str], family: str, projects: str, kind_of: Callable[[str], str], problems: list[Problem]
) -> dict[str, NamedSource]:
    urls, found = _urls(environment, family, problems), dict[str, NamedSource]()
    limits = {name.removeprefix(projects): value for name, value in environment.items() if name.startswith(projects)}
    for variable, url in sorted(urls.items()):
        name = variable.removeprefix(family)
        allowed = frozenset(item.strip() for item in limits.pop(name, "").split(",")) - {""}
        try:
            found[_source_name(name, family)] = NamedSource(kind_of(url), SecretStr(url), allowed or None)
        except ValueError as error:
            problems.append((variable, str(error)))
    problems += [
        (f"{projects}{name}", f"there is no {family}{name} to limit") for name, value in sorted(limits.items()) if value
    ]
    return found


def _source_name(name: str, family: str) -> str:
    if not re.fullmatch(SOURCE_NAME, name.lower()):
        raise ValueError(f"after {family} must come {SOURCE_NAME_HINT}, in capitals")
    return name.lower()


def _urls(environment: Mapping[str, str], family: str, problems: list[Problem]) -> dict[str, str]:
    """The URL of each variable of a family, from itself or from its file."""
    mine = {name: value for name, value in environment.items() if name.startswith(family) and value}
    files = {name for name in mine if name.removeprefix(family).endswith(_FILE)}
    from_files, errors = read_secrets(sorted(name.removesuffix(_FILE) for name in files), environment)
    problems += errors
    return {name: value for name, value in mine.items() if name not in files} | from_files


def _connection_kind(url: str) -> str:
    """The kind of a connection; raises ValueError with the remedy, which does not repeat the URL."""
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:  # the port is not a number
        raise ValueError(CONNECTION_FORM) from None
    kind = KINDS.get(parts.scheme)
    complete = url.count("@") == parts.netloc.count("@") <= 1 and not parts.fragment and len(parts.path) > 1
    if kind is None or not has_port or not complete or not parts.hostname:
        raise ValueError(CONNECTION_FORM)
    unknown = {name for name, _ in parse_qsl(parts.query)} - MARIADB_OPTIONS
    if kind == "mariadb" and unknown:
        raise ValueError(f"has an option that is not known; known are {', '.join(sorted(MARIADB_OPTIONS))}")
    return kind


def _root_kind(url: str) -> str:
    try:
        parts = urlsplit(url)
        bucket = parts.netloc.rpartition("@")[2]
    except ValueError:
        raise ValueError(SOURCE_FORM) from None
    account = parts.netloc.rpartition("@")[0]
    wrong = parts.scheme != "s3" or not _BUCKET.fullmatch(bucket) or parts.fragment or (account and ":" not in account)
    if wrong or {name for name, _ in parse_qsl(parts.query)} - SOURCE_OPTIONS:
        raise ValueError(SOURCE_FORM)
    return "s3"
