"""Uploads of the Python client over connections that break: the rest is sent, and one data set is made."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.client import Client
from ml_training.client import uploads as client_uploads
from ml_training.client.uploads import send_file
from tests.support.api_process import Api
from tests.support.eventually import eventually
from tests.support.proxy import Proxy, proxy_to

SIZE, PIECE = 6 << 20, 1 << 20
UNSEEN = 1 << 20  # bytes that were on their way when a connection broke


@pytest.fixture
def proxy(api: Api) -> Iterator[Proxy]:
    with proxy_to(api.port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client that sends pieces of one MiB."""
    monkeypatch.setattr(client_uploads, "PIECE_BYTES", PIECE)
    with Client(f"http://127.0.0.1:{proxy.port}") as client:
        client.live()
        yield client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that no other test has sent."""
    path = tmp_path / "data.csv"
    path.write_bytes(b"a\n" + random.randbytes(SIZE // 2).hex().encode()[: SIZE - 2])
    return path


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_what_has_arrived_is_not_sent_again(client: Client, proxy: Proxy, file: Path) -> None:
    before, cuts = proxy.asked_bytes, [PIECE // 2, PIECE // 3, PIECE // 4]

    def cut(_sent: int, _whole: int) -> None:
        if cuts:
            proxy.cut_after(cuts.pop())

    upload = send_file(client.transport, file, digest(file), on_sent=cut)
    dataset = client.transport.post("/datasets", {"name": "broken", "upload_id": upload})
    assert (cuts, dataset["sha256"], dataset["bytes"]) == ([], digest(file), SIZE)
    assert proxy.asked_bytes - before < SIZE + UNSEEN
    assert len(client.datasets.list(name="broken")) == 1


def test_an_answer_that_is_lost_makes_no_second_data_set(client: Client, proxy: Proxy, file: Path) -> None:
    proxy.lose_answers(b'"upload_id"')
    dataset = client.datasets.upload(file, name="lost", wait=False)
    assert proxy.lost == 1
    assert [found.id for found in client.datasets.list(name="lost")] == [dataset.id]


def test_an_answer_to_a_piece_that_is_lost_sends_nothing_twice(client: Client, proxy: Proxy, file: Path) -> None:
    proxy.lose_answers(b"Upload-Offset: 2097152", times=1)
    assert client.datasets.upload(file, name="piece", wait=False).sha256 == digest(file)
    assert proxy.lost == 1


def test_a_program_that_was_started_again_goes_on(client: Client, proxy: Proxy, file: Path) -> None:
    def stop(sent: int, _whole: int) -> None:
        if sent >= 3 * PIECE:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_file(client.transport, file, digest(file), on_sent=stop)
    [broken] = [upload for upload in client.datasets.open_uploads() if upload["sha256"] == digest(file)]
    assert broken["received_bytes"] == 3 * PIECE
    before = proxy.asked_bytes
    client.datasets.upload(file, name="again", wait=False)
    assert proxy.asked_bytes - before < SIZE - 3 * PIECE + UNSEEN
    assert [upload for upload in client.datasets.open_uploads() if upload["sha256"] == digest(file)] == []


def test_what_of_a_broken_piece_has_arrived_is_kept(api: Api, file: Path) -> None:
    data = file.read_bytes()
    made = api.client.post(
        "/api/v1/uploads", headers={"Upload-Length": str(SIZE), "Upload-Metadata": "filename YS5jc3Y="}
    )
    path = made.headers["Location"]
    head = f"PATCH {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/offset+octet-stream\r\n"
    head += f"Upload-Offset: 0\r\nContent-Length: {SIZE}\r\n\r\n"
    with api.raw(head.encode() + data[: SIZE // 2]):
        pass

    def received() -> int:
        return int(api.client.head(path).headers["Upload-Offset"])

    eventually(lambda: received() > 0, what="the bytes of the broken request are kept")
    assert SIZE // 2 - UNSEEN < received() <= SIZE // 2
    rest = data[received() :]
    headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(received())}
    assert api.client.patch(path, content=rest, headers=headers).status_code == 204
    body = {"name": "kept", "upload_id": made.json()["id"]}
    assert api.client.post("/api/v1/datasets", json=body).json()["sha256"] == digest(file)
