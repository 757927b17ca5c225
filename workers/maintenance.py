"""The maintenance process: one thread per loop, each calls one function of `ml_training.maintenance`."""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from ml_training.domain.errors import Unavailable
from ml_training.logs import configure_logs, get_logger, warn_of_settings
from ml_training.maintenance.cleanup import (
    fold_ledger_once,
    forget_audit_once,
    forget_changes_once,
    forget_heartbeats_once,
    forget_jobs_once,
    forget_uploads_once,
)
from ml_training.maintenance.reaper import reap_once
from ml_training.maintenance.relay import relay_once
from ml_training.maintenance.sweep import sweep_storage_once
from ml_training.process.heartbeat import Heartbeat
from ml_training.process.stop_event import StopEvent
from ml_training.process.storage_check import storage_report
from ml_training.queue.broker_check import broker_report
from ml_training.services.resources import Resources, build_resources
from ml_training.settings import Settings, unknown_settings
from workers.database_check import require_database

log = get_logger(__name__)
JOIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class MaintenanceLoop:
    """A function to call again and again; times in seconds."""

    name: str
    every: float
    run_once: Callable[[], object]
    busy_every: float | None = None  # the pause after a call that found something to do


def maintenance_loops(resources: Resources, settings: Settings) -> tuple[MaintenanceLoop, ...]:
    """Every loop of the process."""
    sweep = settings.sweep_seconds
    return (
        # The permits of a backlog of short jobs are used up faster than an idle relay polls.
        MaintenanceLoop(
            "relay", settings.relay_seconds, lambda: relay_once(resources), busy_every=settings.relay_seconds / 5
        ),
        MaintenanceLoop("reap", settings.reap_seconds, lambda: reap_once(resources)),
        MaintenanceLoop("fold", settings.fold_seconds, lambda: fold_ledger_once(resources)),
        MaintenanceLoop("forget_heartbeats", sweep, lambda: forget_heartbeats_once(resources)),
        MaintenanceLoop(
            "forget_jobs",
            sweep,
            lambda: forget_jobs_once(resources, age_seconds=settings.retention_seconds),
            busy_every=settings.retention_pause_seconds,
        ),
        MaintenanceLoop(
            "forget_changes",
            sweep,
            lambda: forget_changes_once(resources),
            busy_every=settings.retention_pause_seconds,
        ),
        MaintenanceLoop(
            "forget_uploads", sweep, lambda: forget_uploads_once(resources), busy_every=settings.retention_pause_seconds
        ),
        MaintenanceLoop(
            "forget_audit",
            sweep,
            lambda: forget_audit_once(resources, age_seconds=settings.audit_retention_seconds),
            busy_every=settings.retention_pause_seconds,
        ),
        MaintenanceLoop(
            "sweep_storage", sweep, lambda: sweep_storage_once(resources, age_seconds=settings.sweep_age_seconds)
        ),
    )


def run_loop(loop: MaintenanceLoop, stop: StopEvent) -> None:
    """Call until `stop`. During an outage the loop waits; any other error ends the process with a stack trace."""
    while not stop.is_set():
        found: object = None
        try:
            found = loop.run_once()
        except (Unavailable, OSError) as error:
            log.warning("maintenance_waits", loop=loop.name, error=str(error))
        except BaseException:  # a defect: the supervisor of this process restarts it
            stop.set()
            raise
        stop.wait(loop.busy_every if found and loop.busy_every else loop.every)


def run_maintenance(settings: Settings) -> int:
    """Run every loop in a thread of its own until SIGTERM or SIGINT; returns 1 when a loop raised."""
    configure_logs(settings.log_format, settings.log_level)
    warn_of_settings(unknown_settings())
    require_database(settings)
    stop, requested = StopEvent(), StopEvent()

    def request_stop(*_: object) -> None:
        requested.set()
        stop.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    resources = build_resources(settings)
    heartbeat = maintenance_heartbeat(resources, every=settings.heartbeat_seconds)
    threads = [
        threading.Thread(target=run_loop, args=(loop, stop), name=loop.name, daemon=True)
        for loop in maintenance_loops(resources, settings)
    ]
    for thread in (heartbeat, *threads):
        thread.start()
    log.info("maintenance_started", loops=[thread.name for thread in threads])
    stop.wait()
    for thread in threads:
        thread.join(JOIN_SECONDS)
    heartbeat.stop()
    resources.close()
    return 0 if requested.is_set() else 1


def maintenance_heartbeat(resources: Resources, *, every: float, process: str | None = None) -> Heartbeat:
    """The heartbeat of a maintenance process; `process` replaces its name."""

    def read_body() -> dict[str, Any]:
        own, free = psutil.Process(), resources.storage.free_bytes()
        body = {
            "pid": own.pid,
            "rss_bytes": own.memory_info().rss,
            **storage_report(resources.storage_check.trouble()),
            **broker_report(resources.broker_check.trouble()),
        }
        return body if free is None else {**body, "storage_free_bytes": free}

    return Heartbeat(resources.database, kind="maintenance", every=every, read_body=read_body, process=process)
