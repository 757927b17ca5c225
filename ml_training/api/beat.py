"""The heartbeat of an API process: says every few seconds that it lives, what it holds and what it served."""

import threading

import psutil
from flask import Flask

from ml_training.api.context import context_of, pid
from ml_training.logs import get_logger
from ml_training.process.heartbeat import beat, process_name

log = get_logger(__name__)
KIND = "api"


def start_heartbeat(app: Flask, *, seconds: float) -> threading.Thread:
    """Beat in a daemon thread, now and then every `seconds`, for as long as the process lives."""
    thread = threading.Thread(target=_beat_forever, args=(app, seconds), name="heartbeat", daemon=True)
    thread.start()
    return thread


def beat_once(app: Flask) -> None:
    """Write one heartbeat; raises Unavailable."""
    context = context_of(app)
    body = {
        "pid": pid(),
        "rss_bytes": psutil.Process().memory_info().rss,
        "master_started_at": context.master.started_at,
        **context.counters.snapshot(),
    }
    beat(context.resources.database, process=process_name(KIND), kind=KIND, body=body)


def _beat_forever(app: Flask, seconds: float) -> None:
    pause = threading.Event()
    while True:
        try:
            beat_once(app)
        except Exception as error:  # noqa: BLE001 - process edge: a lost beat is repeated, a dead thread is not
            log.warning("heartbeat_failed", error=str(error)[:200])
        pause.wait(seconds)
