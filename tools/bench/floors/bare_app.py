"""The bare application: Flask, Celery and SQLite, as a short tutorial writes it, without any promise of the service.

A request stores a row and sends the task with `apply_async`; the task trains, saves the model and updates the row. It
reads two environment variables: FLOOR_DIRECTORY and FLOOR_BROKER.
"""

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

from celery import Celery
from flask import Flask, request

from tools.bench.floors.bare_training import train_small

DIRECTORY = Path(os.environ["FLOOR_DIRECTORY"])
TABLE = "CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, status TEXT, learning_rate REAL, accuracy REAL)"

celery = Celery("bare", broker=os.environ["FLOOR_BROKER"])
app = Flask("bare")
_local = threading.local()


def database() -> sqlite3.Connection:
    """The connection of this thread; SQLite's own default, synchronous = FULL, stays."""
    if not hasattr(_local, "connection"):
        _local.connection = sqlite3.connect(DIRECTORY / "jobs.db", timeout=30, isolation_level=None)
        _local.connection.execute("PRAGMA journal_mode = WAL")
        _local.connection.execute(TABLE)
    connection: sqlite3.Connection = _local.connection
    return connection


@app.post("/jobs")
def submit() -> tuple[dict[str, Any], int]:
    """Store a row and enqueue its task."""
    rate = float(request.get_json()["params"]["learning_rate"])
    added = database().execute("INSERT INTO jobs (status, learning_rate) VALUES ('PENDING', ?)", (rate,))
    run.apply_async((added.lastrowid,))
    return {"id": added.lastrowid, "status": "PENDING"}, 202


@app.get("/jobs/<int:job_id>")
def show(job_id: int) -> dict[str, Any]:
    """The row."""
    row = database().execute("SELECT id, status, accuracy FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return {"id": row[0], "status": row[1], "accuracy": row[2]}


@celery.task(ignore_result=True)  # type: ignore[untyped-decorator]
def run(job_id: int) -> None:
    """Train for a row."""
    (rate,) = database().execute("SELECT learning_rate FROM jobs WHERE id = ?", (job_id,)).fetchone()
    accuracy = train_small(DIRECTORY, f"job-{job_id}", rate)
    database().execute("UPDATE jobs SET status = 'COMPLETED', accuracy = ? WHERE id = ?", (accuracy, job_id))


@celery.task(ignore_result=True)  # type: ignore[untyped-decorator]
def run_without_row(name: str, rate: float) -> None:
    """Train and save a model, nothing else."""
    train_small(DIRECTORY, name, rate)
