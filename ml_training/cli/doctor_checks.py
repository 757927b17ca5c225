"""What `ml-training doctor` knows to look at: one part a function, what was seen, and how to mend it. Looks only."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis

from ml_training.db.engine import Database, open_database
from ml_training.db.heartbeats import count_slots, list_heartbeats
from ml_training.db.migrate import SchemaError, check_schema
from ml_training.domain.errors import Unavailable
from ml_training.local.openmp_runtime import MEND as OPENMP_MEND
from ml_training.local.openmp_runtime import bundled_openmp, has_openmp
from ml_training.local.readiness import NOBODY, probe, who_answers
from ml_training.local.redis_server import redis_client
from ml_training.settings import PREFIX

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Check:
    """One part; `mend` says what to do when it is not ok."""

    name: str
    ok: bool
    detail: str
    mend: str = ""

    def line(self) -> str:
        """For people; more lines of the detail stand below its first."""
        detail = self.detail.replace("\n", f"\n{'':19}")
        return f"{'OK  ' if self.ok else 'FAIL'}  {self.name:<13}{detail}"

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


def check_python() -> Check:
    """The interpreter."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    wanted = ".".join(str(part) for part in OLDEST_PYTHON)
    mend = f"use Python {wanted} or newer: make PYTHON=python{wanted}"
    return Check("python", sys.version_info >= OLDEST_PYTHON, found, mend)


def check_disk(data_dir: Path) -> Check:
    """Room for data sets and models."""
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    mend = f"free some space, or set {PREFIX}DATA_DIR to a larger disk"
    return Check("disk", free >= LEAST_FREE_BYTES, f"{free / (1 << 30):.1f} GiB free at {existing}", mend)


def check_database(url: str, *, start: str) -> Check:
    """Reachable, and of this version's schema."""
    where = without_password(url)
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///").partition("?")[0])
        where = f"SQLite, {path}"
        if not path.exists():
            return Check("database", False, f"{where}: not made yet", start)
    try:
        with _opened(url) as database:
            check_schema(database)
    except SchemaError as error:
        return Check("database", False, str(error).partition(":")[0], "`ml-training migrate`")
    except Unavailable as error:
        mend = f"start the database, or correct {PREFIX}DATABASE_URL"
        return Check("database", False, f"{where} does not answer: {cause_of(error)}", mend)
    return Check("database", True, f"{where}; its schema is this version's")


def check_broker(url: str, *, start: str) -> Check:
    """Reachable, and never throwing messages away."""
    where = without_password(url)
    try:
        with redis_client(url) as client:
            client.ping()
            policy = _eviction_policy(client)
    except (redis.RedisError, OSError, ValueError) as error:
        return Check("broker", False, f"{where} does not answer: {error}", start)
    if policy not in ("noeviction", "unknown"):
        mend = "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in the broker's configuration file"
        return Check("broker", False, f"{where} throws messages away when it is full (policy {policy})", mend)
    kept = "keeps every message" if policy == "noeviction" else "does not say whether it keeps every message"
    return Check("broker", True, f"{where} {kept}")


def check_server(name: str, url: str, *, path: str, start: str) -> Check:
    """A server of ours: its health answer names its process."""
    answer = probe(f"{url}{path}")
    if answer is not None and "pid" in answer:
        return Check(name, True, f"{url} answers, process {answer['pid']}")
    seen = who_answers(url)
    taken = f"another program holds the port: stop it, or set {PREFIX}{name.upper()}_PORT to a free one"
    return Check(name, False, f"{url}: {seen}", start if seen == NOBODY else taken)


def check_workers(url: str, *, within_seconds: float, start: str) -> Check:
    """Slots that take jobs."""
    with _opened(url) as database, database.read() as connection:
        slots = count_slots(connection, within_seconds=within_seconds)
    jobs = f"{slots} job{'s' if slots > 1 else ''} can run at a time"
    return Check("workers", slots > 0, jobs if slots else f"none was heard of for {within_seconds:g} s", start)


def check_maintenance(url: str, *, within_seconds: float, start: str) -> Check:
    """The loops that announce waiting jobs and take them from lost workers."""
    with _opened(url) as database, database.read() as connection:
        found = len(list_heartbeats(connection, kind="maintenance", within_seconds=within_seconds))
    return Check("maintenance", found > 0, "runs" if found else f"was not heard of for {within_seconds:g} s", start)


def check_openmp() -> Check:
    """The library that LightGBM needs and does not bring."""
    if has_openmp():
        return Check("openmp", True, "this system has it, for LightGBM")
    if bundled_openmp() is not None:
        return Check("openmp", True, "scikit-learn's copy is used, for LightGBM")
    return Check("openmp", False, "not found: LightGBM cannot be loaded", OPENMP_MEND)


def cause_of(error: Unavailable) -> str:
    """What the database's driver said, in one line."""
    cause = error.__cause__ or error
    return str(getattr(cause, "orig", None) or cause).strip().splitlines()[0]


def without_password(url: str) -> str:
    """A URL without user and password, and without options, which may hold one too."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = open_database(url, pool_size=1)
    try:
        yield database
    finally:
        database.dispose()


def _eviction_policy(client: redis.Redis) -> str:
    try:
        answer = client.config_get("maxmemory-policy")
    except redis.ResponseError:  # a rented server may forbid the question
        return "unknown"
    return str(answer.get("maxmemory-policy", "unknown")) if isinstance(answer, dict) else "unknown"
