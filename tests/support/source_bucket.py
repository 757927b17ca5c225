"""A bucket that files are taken from, on a real S3 server (moto), and the root that names it."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import obstore
from obstore.store import S3Store

from tests.support.eventually import eventually

BUCKET, PREFIX = "exports", "of/sales"
KEY_ID, SECRET = "AKIASOURCESOURCESOUR", "the-secret/of+the-bucket"


class SourceBucket:
    """Objects below a prefix, as somebody else writes them."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.url = (
            f"s3://{KEY_ID}:{SECRET.replace('/', '%2F').replace('+', '%2B')}@{BUCKET}/{PREFIX}?endpoint={self.endpoint}"
        )
        self._store = S3Store(
            BUCKET,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=KEY_ID,
            secret_access_key=SECRET,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )

    def put(self, key: str, data: bytes, *, below: str = f"{PREFIX}/") -> None:
        """Write an object."""
        obstore.put(self._store, f"{below}{key}", data, use_multipart=False)


@contextmanager
def source_bucket(directory: Path) -> Iterator[SourceBucket]:
    """A server with an empty bucket."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    program = Path(sys.executable).parent / "moto_server"
    with (directory / "moto.log").open("wb") as log:
        process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    bucket = SourceBucket(port)

    def made() -> bool:
        try:
            return httpx.put(f"{bucket.endpoint}/{BUCKET}", trust_env=False).is_success
        except httpx.HTTPError:
            return False

    try:
        eventually(made, what="the bucket is there")
        yield bucket
    finally:
        process.kill()
        process.wait(60)
