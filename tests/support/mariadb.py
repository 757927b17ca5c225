"""A real MariaDB server for the tests: Debian's mariadb-server, as a process in a directory of its own."""

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

import pymysql

from tests.support.eventually import eventually

INSTALLED = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PASSWORD = "s3cret-of-mariadb"  # of the user root


class MariaDbServer:
    """One server process on a free port of 127.0.0.1."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, *, user: str = "root", password: str = PASSWORD, database: str = "test") -> str:
        """The URL of one of its databases."""
        return f"mariadb://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Make the files of a server with one empty database."""
        self._root.chmod(0o755)
        data = self._root / "data"
        data.mkdir()
        if os.getuid() == 0:
            shutil.chown(data, self._user, "nogroup")
        subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                f"--datadir={data}",
                f"--user={self._user}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        assert INSTALLED is not None
        with (self._root / "mariadb.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    INSTALLED,
                    "--no-defaults",
                    f"--datadir={self._root / 'data'}",
                    f"--user={self._user}",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    f"--socket={self._root / 'data' / 'mariadb.sock'}",
                    "--innodb-flush-log-at-trx-commit=0",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._answers, what="MariaDB answers")

    def stop(self, *, hard: bool = False) -> None:
        """End the server, `hard` as in a crash."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
            self._process.wait(60)
            self._process = None

    def execute(self, *statements: str, database: str | None = "test") -> list[tuple[object, ...]]:
        """Run statements; the rows of the last one."""
        connection = self._connect(PASSWORD, database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def _connect(self, password: str, database: str | None) -> "pymysql.connections.Connection":
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", password=password, database=database, autocommit=True
        )

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1", database=None)
        except pymysql.err.OperationalError as error:
            if error.args[0] == 1045:  # the first start: root has no password yet
                self._set_password()
            return False
        return True

    def _set_password(self) -> None:
        connection = self._connect("", None)
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE test CHARACTER SET utf8mb4")
            cursor.execute("ALTER USER root@localhost IDENTIFIED BY %s", (PASSWORD,))
        connection.close()


@contextmanager
def mariadb_server() -> Iterator[MariaDbServer]:
    """A fresh server, gone with everything afterwards."""
    root = Path(tempfile.mkdtemp(prefix="mlt-mariadb-", dir="/tmp"))
    server = MariaDbServer(root)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop(hard=True)
        shutil.rmtree(root, ignore_errors=True)
