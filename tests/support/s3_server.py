"""Real S3 servers for tests. moto keeps conditions and checks no signature; rclone is the other way round."""

import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ml_training.storage import bucket, s3
from ml_training.storage.bucket import PART_BYTES, Bucket, BucketAddress
from ml_training.storage.object_cache import ObjectCache
from ml_training.storage.s3 import S3Storage
from tests.support.eventually import eventually

BUCKET = "models"
KEY_ID, SECRET = "AKIATESTTESTTESTTEST", "a-secret-that-is-not-told-to-anybody-ever"
START_SECONDS = 60.0
BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class S3Server:
    """A started server with one bucket."""

    port: int
    process: subprocess.Popen[bytes]
    directory: Path | None = None  # of its objects, if they are files

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def address(self, *, port: int | None = None, prefix: str | None = None) -> BucketAddress:
        """The bucket with a new prefix; port: that of a proxy in front of the server."""
        return BucketAddress(
            bucket=BUCKET,
            prefix=prefix or f"tests/{uuid.uuid4().hex}",
            endpoint=f"http://127.0.0.1:{port or self.port}",
            region="us-east-1",
            access_key_id=KEY_ID,
            secret_access_key=SECRET,
        )

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def open_s3(address: BucketAddress, cache: Path, *, limit_bytes: int = 1 << 30, port: int | None = None) -> S3Storage:
    """The storage of a machine whose cache is this directory."""
    if port is not None:
        address = replace(address, endpoint=f"http://127.0.0.1:{port}")
    return S3Storage(Bucket(address), ObjectCache(cache, limit_bytes=limit_bytes))


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """A bucket as the storage of a machine, for processes of a test."""

    address: BucketAddress
    machine: Path  # a path beside which the processes keep their files; its directory holds the cache
    part_bytes: int = PART_BYTES  # objects above it are stored in parts

    def open(self) -> S3Storage:
        """The storage."""
        return open_s3(self.address, self.machine.parent / "copies")

    def open_in_a_process_of_its_own(self) -> S3Storage:
        """The storage in a process that has no other use for a bucket: the size of a part is one of the module."""
        bucket.PART_BYTES = s3.PART_BYTES = self.part_bytes
        return self.open()


@contextmanager
def moto_server(directory: Path, *, port: int | None = None) -> Iterator[S3Server]:
    """moto, which keeps everything in memory."""
    port = port or _free_port()
    command = [str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    server = S3Server(port, _launch(command, port, directory / "moto.log"))
    try:
        request = urllib.request.Request(f"{server.url}/{BUCKET}", method="PUT")
        with urllib.request.urlopen(request, timeout=30):
            pass
        yield server
    finally:
        server.stop()


@contextmanager
def rclone_server(directory: Path) -> Iterator[S3Server]:
    """rclone over a directory."""
    objects, port = directory / "objects", _free_port()
    (objects / BUCKET).mkdir(parents=True)
    command = [
        *(str(BIN / "rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}"),
        *("--auth-key", f"{KEY_ID},{SECRET}", "--vfs-cache-mode", "full"),
        *("--config", "/dev/null", "--cache-dir", str(directory / "cache"), str(objects)),
    ]
    server = S3Server(port, _launch(command, port, directory / "rclone.log"), objects / BUCKET)
    try:
        yield server
    finally:
        server.stop()


def _launch(command: list[str], port: int, log_path: Path) -> subprocess.Popen[bytes]:
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def listens() -> bool:
        assert process.poll() is None, log_path.read_text(encoding="utf-8")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    eventually(listens, within=START_SECONDS, every=0.05)
    return process


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
