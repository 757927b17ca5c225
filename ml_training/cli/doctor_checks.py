"""The checks of `ml-training doctor`, one function for each part of the service; they change nothing.

`start` is always the remedy for a part that does not run.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis

from ml_training.db.engine import Database, open_database
from ml_training.db.heartbeats import count_slots, list_heartbeats, storage_troubles
from ml_training.db.keys import read_changes, valid_keys
from ml_training.db.schema_version import SchemaError, check_schema
from ml_training.domain.caller import Role
from ml_training.domain.errors import Unavailable
from ml_training.domain.variables import is_loopback
from ml_training.local.openmp_runtime import INSTALL_HINT as INSTALL_OPENMP
from ml_training.local.openmp_runtime import bundled_openmp, has_openmp
from ml_training.local.readiness import NOTHING_LISTENS, describe_server, get_json
from ml_training.local.redis_server import redis_client
from ml_training.settings import PREFIX, Settings
from ml_training.source_settings import CONNECTIONS, SOURCES, SourceSettings
from ml_training.sources.refused import SourceRefused
from ml_training.sources.sources import Sources
from ml_training.storage.open_storage import open_storage

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """The result for one part; `remedy` says what to do when it is not ok."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    def line(self) -> str:
        """For people; further lines of the detail are indented to its first."""
        detail = self.detail.replace("\n", f"\n{'':19}")
        return f"{'OK  ' if self.ok else 'FAIL'}  {self.name:<13}{detail}"

    def as_json(self) -> dict[str, object]:
        """For programs: scripts read these keys, so they do not change."""
        return {"name": self.name, "ok": self.ok, "detail": self.detail, "mend": self.remedy}


def check_python() -> DoctorCheck:
    """The Python version."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    wanted = ".".join(str(part) for part in OLDEST_PYTHON)
    remedy = f"use Python {wanted} or newer: make PYTHON=python{wanted}"
    return DoctorCheck("python", sys.version_info >= OLDEST_PYTHON, found, remedy)


def check_disk(data_dir: Path) -> DoctorCheck:
    """Free disk space for data sets and models."""
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    remedy = f"free some space, or set {PREFIX}DATA_DIR to a larger disk"
    return DoctorCheck("disk", free >= LEAST_FREE_BYTES, f"{free / (1 << 30):.1f} GiB free at {existing}", remedy)


def check_database(url: str, *, start: str) -> DoctorCheck:
    """The database answers and has the schema of this version."""
    where = without_password(url)
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///").partition("?")[0])
        where = f"SQLite, {path}"
        if not path.exists():
            return DoctorCheck("database", False, f"{where} does not exist yet", start)
    try:
        with _open_database(url) as database:
            check_schema(database)
    except SchemaError as error:
        return DoctorCheck("database", False, str(error).partition(":")[0], "`ml-training migrate`")
    except Unavailable as error:
        remedy = f"start the database, or correct {PREFIX}DATABASE_URL"
        return DoctorCheck("database", False, f"{where} does not answer: {driver_message(error)}", remedy)
    return DoctorCheck("database", True, f"{where}; its schema is this version's")


def check_broker(url: str, *, start: str) -> DoctorCheck:
    """The broker answers and never evicts messages."""
    where = without_password(url)
    try:
        with redis_client(url) as client:
            client.ping()
            policy = _eviction_policy(client)
    except (redis.RedisError, OSError, ValueError) as error:
        return DoctorCheck("broker", False, f"{where} does not answer: {error}", start)
    if policy not in ("noeviction", "unknown"):
        remedy = "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in the broker's configuration file"
        return DoctorCheck("broker", False, f"{where} deletes messages when it is full (policy {policy})", remedy)
    kept = "keeps every message" if policy == "noeviction" else "does not say whether it keeps every message"
    return DoctorCheck("broker", True, f"{where} {kept}")


def check_server(name: str, url: str, *, path: str, start: str) -> DoctorCheck:
    """A server of the service answers: its health endpoint names its process."""
    answer = get_json(f"{url}{path}")
    if answer is not None and "pid" in answer:
        return DoctorCheck(name, True, f"{url} answers, process {answer['pid']}")
    seen = describe_server(url)
    taken = f"another program holds the port: stop it, or set {PREFIX}{name.upper()}_PORT to a free one"
    return DoctorCheck(name, False, f"{url}: {seen}", start if seen == NOTHING_LISTENS else taken)


def check_workers(url: str, *, within_seconds: float, start: str) -> DoctorCheck:
    """The slots of the workers that are alive."""
    with _open_database(url) as database, database.read() as connection:
        slots = count_slots(connection, within_seconds=within_seconds)
        alive = list_heartbeats(connection, kind="worker", within_seconds=within_seconds)
    detail = f"{slots} job{'s' if slots > 1 else ''} can run at a time"
    if not slots:
        unready = "every worker starts, drains or sees another storage"
        detail = unready if alive else f"no heartbeat for {within_seconds:g} s"
    return DoctorCheck("workers", slots > 0, detail, start)


def check_storage(url: str, *, within_seconds: float) -> DoctorCheck:
    """Every living process sees the storage that belongs to the database."""
    with _open_database(url) as database, database.read() as connection:
        foreign = storage_troubles(connection, within_seconds=within_seconds)
    detail = "\n".join(f"{process}: {why}" for process, why in foreign.items())
    remedy = "as that line says; the process takes work again by itself, without a restart"
    return DoctorCheck("storage", not foreign, detail or "every process sees the same one", remedy)


def check_bucket(settings: Settings) -> DoctorCheck:
    """The bucket answers to this machine and its key."""
    storage = open_storage(settings)
    try:
        storage.identity()
    except OSError as error:
        return DoctorCheck("bucket", False, error.strerror or str(error), "as that line says")
    return DoctorCheck("bucket", True, f"{storage.place} answers")


def check_maintenance(url: str, *, within_seconds: float, start: str) -> DoctorCheck:
    """The maintenance process, which announces waiting jobs and requeues those of lost workers."""
    with _open_database(url) as database, database.read() as connection:
        found = len(list_heartbeats(connection, kind="maintenance", within_seconds=within_seconds))
    return DoctorCheck("maintenance", found > 0, "runs" if found else f"no heartbeat for {within_seconds:g} s", start)


def check_keys(url: str, *, host: str) -> DoctorCheck:
    """A service without keys is open, which only its own machine may find."""
    with _open_database(url) as database, database.read() as connection:
        changes, now = read_changes(connection)
        valid = [key for key in valid_keys(connection).values() if key.expires_at is None or key.expires_at > now]
    remedy = "`ml-training keys create --role admin --name NAME`"
    if not changes:
        return DoctorCheck(
            "keys", is_loopback(host), "there is none: whoever reaches the API may do everything", remedy
        )
    admins = sum(key.role is Role.ADMIN for key in valid)
    return DoctorCheck("keys", admins > 0, f"{len(valid)} are valid, {admins} of them of admins", remedy)


def check_sources(found: SourceSettings) -> Iterator[DoctorCheck]:
    """Each connection and each root answers to the account that it is configured with; nobody sees the address."""
    sources = Sources(found)
    checks = [(f"connection {name}", CONNECTIONS, name, sources.check_connection) for name in found.connections]
    checks += [(f"root {name}", SOURCES, name, sources.check_root) for name in found.roots]
    for label, family, name, check in checks:
        remedy = f"correct {family}{name.upper()}, or start that server"
        try:
            check(name)
        except SourceRefused as refusal:
            yield DoctorCheck("source", False, f"{label}: {refusal.reasons[0][1]}", remedy)
        except Unavailable as error:
            yield DoctorCheck("source", False, f"{label}: {error.detail}", remedy)
        else:
            yield DoctorCheck("source", True, f"{label} answers")


def check_openmp() -> DoctorCheck:
    """The OpenMP runtime, which LightGBM needs but does not contain."""
    if has_openmp():
        return DoctorCheck("openmp", True, "this system has it, for LightGBM")
    if bundled_openmp() is not None:
        return DoctorCheck("openmp", True, "scikit-learn's copy is used, for LightGBM")
    return DoctorCheck("openmp", False, "not found: LightGBM cannot be loaded", INSTALL_OPENMP)


def driver_message(error: Unavailable) -> str:
    """The message of the database driver, in one line."""
    cause = error.__cause__ or error
    return str(getattr(cause, "orig", None) or cause).strip().splitlines()[0]


def without_password(url: str) -> str:
    """A URL without user, password and query, which may hold a password too."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


@contextmanager
def _open_database(url: str) -> Iterator[Database]:
    database = open_database(url, pool_size=1)
    try:
        yield database
    finally:
        database.dispose()


def _eviction_policy(client: redis.Redis) -> str:
    try:
        answer = client.config_get("maxmemory-policy")
    except redis.ResponseError:  # a hosted server may forbid CONFIG GET
        return "unknown"
    return str(answer.get("maxmemory-policy", "unknown")) if isinstance(answer, dict) else "unknown"
