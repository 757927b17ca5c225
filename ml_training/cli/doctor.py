"""What `ml-training doctor` looks at: each part, what was seen, and how to mend it. Looks only, changes nothing."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis

from ml_training.db.engine import open_database
from ml_training.db.heartbeats import count_slots
from ml_training.db.migrate import SchemaError, check_schema
from ml_training.domain.errors import Unavailable
from ml_training.local.libgomp import MEND as OPENMP_MEND
from ml_training.local.libgomp import bundled_openmp, has_openmp
from ml_training.local.readiness import probe, who_answers
from ml_training.local.redis_server import redis_client
from ml_training.local.runfile import RunInfo, read_run_file
from ml_training.local.urls import find_urls
from ml_training.settings import PREFIX, Settings, SettingsError, read_settings

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1 << 30
START = "start the service: `make run`, or `ml-training up`"


@dataclass(frozen=True, slots=True)
class Check:
    """One part; `mend` says what to do when it is not ok."""

    name: str
    ok: bool
    detail: str
    mend: str = ""

    def line(self) -> str:
        """For people."""
        verdict = "OK  " if self.ok else "FAIL"
        mend = "" if self.ok or not self.mend else f"\n{'':18}-> {self.mend}"
        return f"{verdict}  {self.name:<10}  {self.detail}{mend}"

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


UNKNOWN_WORKERS = Check("workers", False, "not known without the database", "mend the database first")


def examine() -> list[Check]:
    """Every check, in the order in which parts need each other; without usable settings only the first ones."""
    python = check_python()
    try:
        settings = read_settings()
    except SettingsError as error:
        return [python, Check("settings", False, str(error), "correct these variables; .env.example explains each")]
    return [python, Check("settings", True, f"data in {settings.data_dir}"), *_parts(settings)]


def check_python() -> Check:
    """The interpreter."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    wanted = ".".join(str(part) for part in OLDEST_PYTHON)
    return Check(
        "python", sys.version_info >= OLDEST_PYTHON, found, f"use Python {wanted} or newer: make PYTHON=python{wanted}"
    )


def check_disk(data_dir: Path) -> Check:
    """Room for data sets and models."""
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    mend = f"free some space, or set {PREFIX}DATA_DIR to a larger disk"
    return Check("disk", free >= LEAST_FREE_BYTES, f"{free / (1 << 30):.1f} GiB free at {existing}", mend)


def check_database(url: str) -> Check:
    """Reachable, and of this version's schema."""
    where = _without_password(url)
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return Check("database", False, f"{where} does not exist yet", f"{START}; `ml-training migrate` makes it alone")
    database = open_database(url, pool_size=1)
    try:
        check_schema(database)
    except SchemaError as error:
        return Check("database", False, str(error), "ml-training migrate")
    except Unavailable as error:
        cause = str(error.__cause__ or error).strip().splitlines()[0]
        return Check(
            "database", False, f"{where} does not answer: {cause}", f"start it, or correct {PREFIX}DATABASE_URL"
        )
    finally:
        database.dispose()
    return Check("database", True, f"{where}, schema up to date")


def check_broker(url: str) -> Check:
    """Reachable, and never throwing messages away."""
    if not url:
        return Check("broker", False, "the embedded one does not run", f"{START}; or set {PREFIX}BROKER_URL")
    where = _without_password(url)
    try:
        with redis_client(url) as client:
            client.ping()
            policy = _eviction_policy(client)
    except (redis.RedisError, OSError, ValueError) as error:
        return Check("broker", False, f"{where} does not answer: {error}", f"start it, or correct {PREFIX}BROKER_URL")
    mend = "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in its configuration file"
    return Check("broker", policy in ("noeviction", "unknown"), f"{where}, eviction policy {policy}", mend)


def check_server(name: str, url: str, *, path: str, field: str) -> Check:
    """A server of ours: its health answer names its process."""
    answer = probe(f"{url}{path}")
    if answer is not None and field in answer:
        return Check(name, True, f"{url}, process {answer[field]}")
    mend = f"{START}; if another program holds the port, set {PREFIX}{name.upper()}_PORT"
    return Check(name, False, f"{url}: {who_answers(url)}", mend)


def check_workers(url: str, *, within_seconds: float) -> Check:
    """Slots that take jobs."""
    database = open_database(url, pool_size=1)
    try:
        with database.read() as connection:
            slots = count_slots(connection, within_seconds=within_seconds)
    except Unavailable:
        return UNKNOWN_WORKERS
    finally:
        database.dispose()
    return Check("workers", slots > 0, f"{slots} slots", f"{START}; elsewhere: python -m workers")


def check_openmp() -> Check:
    """LightGBM's runtime library."""
    if has_openmp():
        return Check("openmp", True, "found by the system")
    found = bundled_openmp() is not None
    return Check("openmp", found, "scikit-learn's copy is used" if found else "not found: LightGBM fails", OPENMP_MEND)


def _parts(settings: Settings) -> Iterator[Check]:
    running = read_run_file(settings.run_file)
    database_url = settings.database_url or (running.database_url if running else settings.database)
    urls = find_urls(settings)
    yield check_disk(settings.data_dir)
    yield (database := check_database(database_url))
    yield check_broker(settings.broker_url or _broker_of(running))
    yield check_server("api", urls.api, path="/api/v1/health/live", field="pid")
    yield check_server("exporter", urls.exporter, path="/health/live", field="pid")
    if database.ok:
        yield check_workers(database_url, within_seconds=settings.heartbeat_dead_seconds)
    else:
        yield UNKNOWN_WORKERS
    yield check_openmp()


def _broker_of(running: RunInfo | None) -> str:
    return running.broker_url if running else ""


def _eviction_policy(client: redis.Redis) -> str:
    try:
        answer = client.config_get("maxmemory-policy")
    except redis.ResponseError:  # a rented server may forbid the question
        return "unknown"
    return str(answer.get("maxmemory-policy", "unknown")) if isinstance(answer, dict) else "unknown"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
