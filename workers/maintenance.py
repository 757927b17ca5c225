"""The loops that keep the queue moving: relay, reaper, fold, upkeep; each tick calls one service. Copies are safe."""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from ml_training.domain.errors import Unavailable
from ml_training.logs import configure_logs, get_logger
from ml_training.maintenance.cleanup import (
    fold_ledger_once,
    forget_heartbeats_once,
    forget_jobs_once,
    sweep_storage_once,
)
from ml_training.maintenance.reaper import reap_once
from ml_training.maintenance.relay import relay_once
from ml_training.process.heartbeat import beat, process_name, remove_heartbeat
from ml_training.services.resources import Resources, build_resources
from ml_training.settings import Settings

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loop:
    """One thing to do again and again."""

    name: str
    every: float
    run_once: Callable[[], object]
    busy_every: float | None = None  # the pause after a tick that found something to do


def loops(resources: Resources, settings: Settings, process: str) -> tuple[Loop, ...]:
    """Everything that maintenance does, and how often (seconds)."""
    return (
        Loop("heartbeat", settings.heartbeat_seconds, lambda: _beat(resources, process)),
        # A backlog of short jobs eats its permits faster than an idle relay looks.
        Loop("relay", settings.relay_seconds, lambda: relay_once(resources), busy_every=settings.relay_seconds / 5),
        Loop("reap", settings.reap_seconds, lambda: reap_once(resources)),
        Loop("fold", settings.fold_seconds, lambda: fold_ledger_once(resources)),
        Loop("forget", settings.sweep_seconds, lambda: forget_heartbeats_once(resources)),
        Loop(
            "retain",
            settings.sweep_seconds,
            lambda: forget_jobs_once(resources, age_seconds=settings.retention_seconds),
            busy_every=settings.retention_pause_seconds,
        ),
        Loop(
            "sweep",
            settings.sweep_seconds,
            lambda: sweep_storage_once(resources, age_seconds=settings.sweep_age_seconds),
        ),
    )


def run_loop(loop: Loop, stop: threading.Event) -> None:
    """Tick until `stop`; a part that is away is waited for, any other error ends the process loudly."""
    while not stop.is_set():
        found: object = None
        try:
            found = loop.run_once()
        except (Unavailable, OSError) as error:
            log.warning("maintenance_waits", loop=loop.name, error=str(error))
        except BaseException:
            stop.set()
            raise
        stop.wait(loop.busy_every if found and loop.busy_every else loop.every)


def run_maintenance(settings: Settings) -> int:
    """Run every loop in a thread of its own until SIGTERM or SIGINT; 1 when a loop broke."""
    configure_logs(settings.log_format, settings.log_level)
    stop, asked = threading.Event(), threading.Event()

    def ask(*_: object) -> None:
        asked.set()
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    resources, process = build_resources(settings), process_name("maintenance")
    threads = [
        threading.Thread(target=run_loop, args=(loop, stop), name=loop.name, daemon=True)
        for loop in loops(resources, settings, process)
    ]
    for thread in threads:
        thread.start()
    log.info("maintenance_runs", loops=[thread.name for thread in threads])
    stop.wait()
    for thread in threads:
        thread.join(timeout=5)
    _leave(resources, process)
    return 0 if asked.is_set() else 1


def _beat(resources: Resources, process: str) -> None:
    me = psutil.Process()
    body = {"pid": me.pid, "rss_bytes": me.memory_info().rss, "storage_free_bytes": resources.storage.free_bytes()}
    beat(resources.database, process=process, kind="maintenance", body=body)


def _leave(resources: Resources, process: str) -> None:
    try:
        remove_heartbeat(resources.database, process)
    except Unavailable as error:
        log.warning("goodbye_not_written", error=str(error))
    resources.close()
