"""What every view function uses: one value per app, made by `create_app` and never changed."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app

from ml_training.api.caller import caller
from ml_training.api.counters import Counters
from ml_training.api.slow_requests import SlowRequestLimiter
from ml_training.services.resources import Resources

PREFIX = "/api/v1"
EXTENSION = "ml_training"


@dataclass(frozen=True, slots=True)
class Master:
    """The gunicorn master of this process: its process id and its start in Unix seconds."""

    pid: int
    started_at: float


@dataclass(frozen=True, slots=True)
class Context:
    """The shared parts of one API process."""

    resources: Resources
    slow_requests: SlowRequestLimiter
    counters: Counters
    master: Master
    is_draining: Callable[[], bool]  # a draining process ends long polls and streams early


def context() -> Context:
    """The context of the app that serves this request."""
    return context_of(current_app)


def context_of(app: Flask) -> Context:
    """The context of an app."""
    found: Context = app.extensions[EXTENSION]
    return found


def resources() -> Resources:
    """The services' core, for the project of this request's caller: no use case sees the rows of another one."""
    return context().resources.of(caller().project_id)


def pid() -> int:
    """The id of this process, also after a fork."""
    return os.getpid()
