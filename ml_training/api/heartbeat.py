"""The heartbeat of an API process: its memory, the counts of what it served, and when keys were last used."""

import psutil
from flask import Flask

from ml_training.api.context import context_of, pid
from ml_training.process.heartbeat import Heartbeat
from ml_training.process.storage_check import storage_report
from ml_training.queue.broker_check import broker_report


def make_heartbeat(app: Flask, *, every: float) -> Heartbeat:
    """The heartbeat of this process, not started; `every` in seconds."""
    context = context_of(app)

    def read_body() -> dict[str, object]:
        context.access.keys.write_uses()  # here, so that no request waits for it
        return {
            "pid": pid(),
            "rss_bytes": psutil.Process().memory_info().rss,
            "master_started_at": context.master.started_at,
            **storage_report(context.resources.storage_check.trouble()),
            **broker_report(context.resources.broker_check.trouble()),
            **context.counters.snapshot(),
        }

    return Heartbeat(context.resources.database, kind="api", every=every, read_body=read_body)
