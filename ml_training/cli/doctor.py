"""`ml-training doctor`: looks at every part in the order in which they need each other, and sums up what to do."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ml_training.cli.doctor_checks import (
    Check,
    check_broker,
    check_database,
    check_disk,
    check_maintenance,
    check_openmp,
    check_python,
    check_server,
    check_workers,
)
from ml_training.local.run_file import RunInfo, read_run_file
from ml_training.local.stack_urls import find_urls
from ml_training.settings import PREFIX, Settings, SettingsError, read_settings

START = "start the service with `make run` or `ml-training up`"


def examine() -> list[Check]:
    """Every check; without usable settings only the first ones."""
    python = check_python()
    try:
        settings = read_settings()
    except SettingsError as error:
        return [python, Check("settings", False, str(error), "correct these variables; .env.example explains each")]
    running = read_run_file(settings.run_file)
    stack = f"process {running.pid} runs a stack there" if running else "no stack runs there"
    return [python, Check("settings", True, f"data in {settings.data_dir}; {stack}"), *_parts(settings, running)]


def advice(checks: Sequence[Check]) -> list[str]:
    """What to do, a line for each remedy: most often one thing mends many parts."""
    names: dict[str, list[str]] = {}
    for check in checks:
        if not check.ok:
            names.setdefault(check.mend, []).append(check.name)
    return [f"To mend {', '.join(parts)}: {mend}" for mend, parts in names.items()] or ["Everything works."]


def _parts(settings: Settings, running: RunInfo | None) -> Iterator[Check]:
    urls, start = find_urls(settings), partial(_start, settings, running)
    database_url = settings.database_url or (running.database_url if running else settings.database)
    broker_url = settings.broker_url or (running.broker_url if running else "")
    correct = f"start the broker, or correct {PREFIX}BROKER_URL"
    elsewhere = f"start the service there, or correct {PREFIX}API_URL"
    yield check_disk(settings.data_dir)
    yield (database := _safely("database", lambda: check_database(database_url, start=start("migrate"))))
    if broker_url:
        yield check_broker(broker_url, start=correct if settings.broker_url else start("redis"))
    else:
        yield Check("broker", False, "the one of the stack does not run", START)
    yield check_server(
        "api", urls.api, path="/api/v1/health/live", start=elsewhere if settings.api_url else start("api")
    )
    yield check_server("exporter", urls.exporter, path="/health/live", start=start("exporter"))
    for name, log, check in (("workers", "worker", check_workers), ("maintenance", "maintenance", check_maintenance)):
        call = partial(check, database_url, within_seconds=settings.heartbeat_dead_seconds, start=start(log))
        yield (
            _safely(name, call) if database.ok else Check(name, False, "not known without the database", database.mend)
        )
    yield check_openmp()


def _start(settings: Settings, running: RunInfo | None, part: str) -> str:
    if running is None:
        return START
    log = settings.data_dir / "logs" / f"{part}.log"
    return f"wait a moment, since the stack starts again what ends; else read {log}"


def _safely(name: str, call: Callable[[], Check]) -> Check:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - a part that is broken in a new way is a finding, not the end
        said = str(getattr(error, "orig", None) or error).partition("\n")[0]
        return Check(
            name, False, f"{type(error).__name__}: {said}", f"correct {PREFIX}DATABASE_URL, or mend that file or server"
        )
