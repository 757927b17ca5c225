"""The command `ml-training doctor`: runs every check in the order of their dependencies and sums up what to do."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ml_training.cli.doctor_checks import (
    DoctorCheck,
    check_broker,
    check_bucket,
    check_database,
    check_disk,
    check_keys,
    check_maintenance,
    check_openmp,
    check_python,
    check_server,
    check_sources,
    check_storage,
    check_workers,
)
from ml_training.cli.doctor_tls import check_tls
from ml_training.local.run_file import RunInfo, read_run_file
from ml_training.local.stack_urls import find_stack_urls
from ml_training.settings import PREFIX, Settings, SettingsError, read_settings, unknown_settings

START_SERVICE = "start the service with `make run` or `ml-training up`"


def run_checks() -> list[DoctorCheck]:
    """The results of all checks; with invalid settings, only of the first two."""
    python = check_python()
    try:
        settings = read_settings()
    except SettingsError as error:
        remedy = "correct these variables; .env.example explains each"
        return [python, DoctorCheck("settings", False, str(error), remedy)]
    running = read_run_file(settings.run_file)
    stack = f"process {running.pid} runs a stack there" if running else "no stack runs there"
    warnings = "".join(f"\nwarning: {line}" for line in unknown_settings())
    usable = DoctorCheck("settings", True, f"data in {settings.data_dir}; {stack}{warnings}")
    return [python, usable, *_check_parts(settings, running)]


def summary(checks: Sequence[DoctorCheck]) -> list[str]:
    """What to do, one line for each remedy, because one remedy often fixes several parts."""
    names: dict[str, list[str]] = {}
    for check in checks:
        if not check.ok:
            names.setdefault(check.remedy, []).append(check.name)
    return [f"To fix {', '.join(parts)}: {remedy}" for remedy, parts in names.items()] or ["Everything works."]


def _check_parts(settings: Settings, running: RunInfo | None) -> Iterator[DoctorCheck]:
    urls, start = find_stack_urls(settings), partial(_start_remedy, settings, running)
    database_url = settings.database if settings.database_url or not running else running.database_url
    broker_url = settings.broker if settings.broker_url else running.broker_url if running else ""
    correct_broker = f"start the broker, or correct {PREFIX}BROKER_URL"
    correct_api = f"start the service there, or correct {PREFIX}API_URL"
    yield check_disk(settings.data_dir)
    if settings.tls_cert_file is not None and settings.tls_key_file is not None:
        yield check_tls(settings.tls_cert_file, settings.tls_key_file)
    if settings.storage_url:
        yield check_bucket(settings)
    yield (database := _catch_errors("database", lambda: check_database(database_url, start=start("migrate"))))
    if broker_url:
        yield check_broker(broker_url, start=correct_broker if settings.broker_url else start("redis"))
    else:
        yield DoctorCheck("broker", False, "the Redis of the stack does not run", START_SERVICE)
    yield check_server(
        "api", urls.api, path="/api/v1/health/live", start=correct_api if settings.api_url else start("api")
    )
    yield check_server("exporter", urls.exporter, path="/health/live", start=start("exporter"))
    for name, log, check in (("workers", "worker", check_workers), ("maintenance", "maintenance", check_maintenance)):
        call = partial(check, database_url, within_seconds=settings.heartbeat_dead_seconds, start=start(log))
        unknown = DoctorCheck(name, False, "not known without the database", database.remedy)
        yield _catch_errors(name, call) if database.ok else unknown
    if database.ok:
        yield _catch_errors("keys", lambda: check_keys(database_url, host=settings.api_host))
        yield _catch_errors(
            "storage", lambda: check_storage(database_url, within_seconds=settings.heartbeat_dead_seconds)
        )
    yield from check_sources(settings.data_sources)
    yield check_openmp()


def _start_remedy(settings: Settings, running: RunInfo | None, process: str) -> str:
    if running is None:
        return START_SERVICE
    log = settings.data_dir / "logs" / f"{process}.log"
    return f"wait a moment, the stack restarts a process that ended; if that does not help, read {log}"


def _catch_errors(name: str, call: Callable[[], DoctorCheck]) -> DoctorCheck:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - an unexpected error of one part is a result; the other checks still run
        message = str(getattr(error, "orig", None) or error).partition("\n")[0]
        remedy = f"correct {PREFIX}DATABASE_URL, or repair that file or server"
        return DoctorCheck(name, False, f"{type(error).__name__}: {message}", remedy)
