"""Runs gunicorn: one master and `api_workers` processes with `api_threads` threads each."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from ml_training.api.app import create_app
from ml_training.api.context import Master
from ml_training.api.gunicorn_worker import ApiWorker
from ml_training.api.heartbeat import make_heartbeat
from ml_training.process.certificate import ServerCertificate
from ml_training.process.malloc import limit_arenas
from ml_training.settings import Settings

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a RAM disk: gunicorn's liveness file must not wait for a disk
GRACEFUL_SECONDS = 10
SWITCH_SECONDS = 0.0005  # a small request waits at most this long for the interpreter lock beside a costly one
MALLOC_ARENAS = 2  # with a heap a thread, eight threads held 15 MB more after 1,000 requests


class RootLogger(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """Sends gunicorn's log lines through the root logger, so that they look like all others."""

    def setup(self, cfg: Any) -> None:
        """Remove gunicorn's own handlers."""
        super().setup(cfg)
        self.error_log.handlers[:] = []
        self.error_log.propagate = True


class ApiServer(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """The API as a gunicorn application; each process builds its own app after the fork."""

    def __init__(self, settings: Settings, certificate: ServerCertificate | None) -> None:
        ApiWorker.certificate = certificate
        self._settings = settings
        self._master = Master(os.getpid(), time.time())
        self._worker: ApiWorker | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options."""
        for name, value in options(self._settings).items():
            self.cfg.set(name, value)
        self.cfg.set("post_worker_init", self._after_start)

    def load(self) -> Flask:
        """The app of one worker process."""
        limit_arenas(MALLOC_ARENAS)
        sys.setswitchinterval(SWITCH_SECONDS)
        return create_app(self._settings, master=self._master, is_draining=self._is_draining)

    def _after_start(self, worker: ApiWorker) -> None:
        self._worker = worker
        make_heartbeat(worker.wsgi, every=self._settings.heartbeat_seconds).start()

    def _is_draining(self) -> bool:
        return self._worker is not None and not self._worker.alive


def options(settings: Settings) -> dict[str, Any]:
    """gunicorn's settings."""
    host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
    return {
        "bind": f"{host}:{settings.api_port}",
        "proc_name": "ml_training.api",  # gunicorn and Celery show such names where setproctitle is installed
        "workers": settings.api_workers,
        "threads": settings.api_threads,
        "worker_class": ApiWorker,
        "worker_tmp_dir": str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None,
        "logger_class": RootLogger,
        "preload_app": False,  # connections are opened after the fork
        "control_socket_disable": True,  # no commands to a running server through a socket file
        "accesslog": None,
        "timeout": 30,
        "graceful_timeout": GRACEFUL_SECONDS,
        "keepalive": 10,  # also the time that the head of a request may take
        "worker_connections": 800,  # below the usual 1,024 open files
        "sendfile": False,  # it would wait for the client in a thread
        "http_parser": "python",  # the one that the worker class was written for
        "limit_request_line": 4_094,
        "limit_request_fields": 64,
        "limit_request_field_size": 8_190,
    }
