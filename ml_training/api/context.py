"""What every view function uses: one value per app, made by `create_app` and never changed."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app, g

from ml_training.api.access import Access
from ml_training.api.counters import Counters
from ml_training.api.slow_requests import SlowRequestLimiter
from ml_training.domain.allowed_hosts import AllowedHosts
from ml_training.domain.trusted_proxies import TrustedProxies
from ml_training.services.change_watch import ChangeWatch
from ml_training.services.identity_provider import IdentityProvider
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
    hosts: AllowedHosts
    access: Access
    proxies: TrustedProxies
    master: Master
    change_watch: ChangeWatch
    provider: IdentityProvider | None  # None: nobody signs in, there are keys only
    is_draining: Callable[[], bool]  # a draining process ends long polls and streams early


def context() -> Context:
    """The context of the app that serves this request."""
    return context_of(current_app)


def context_of(app: Flask) -> Context:
    """The context of an app."""
    found: Context = app.extensions[EXTENSION]
    return found


def resources() -> Resources:
    """The services' core, on behalf of the caller of this request."""
    caller = g.get("caller")
    own = context().resources
    return own if caller is None else own.acting_for(caller)


def pid() -> int:
    """The id of this process, also after a fork."""
    return os.getpid()
