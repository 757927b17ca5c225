"""API and exporter with a certificate: every kind of answer, a renewed certificate, and clients that do not behave."""

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.api import ready_dataset, train_spec
from tests.support.api_process import LIVE, Api, live, read_response, running_api
from tests.support.eventually import eventually
from tests.support.redis_server import RedisServer
from tests.support.sse import parse_stream
from tests.support.tls import Authority, ServerFiles

LARGEST_ASSET = "/docs/assets/js/swagger-ui-bundle.js"
GET = f"GET {LIVE} HTTP/1.1\r\nHost: %s\r\n%s\r\n"
SHORT_SECONDS = 5.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def files(authority: Authority) -> ServerFiles:
    return authority.issue()


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: bytes,
    redis_server: RedisServer,
    authority: Authority,
    files: ServerFiles,
) -> Iterator[Api]:
    """One process of 8 threads; it must serve the next test after anything that a test does."""
    directory = tmp_path_factory.mktemp("api")
    (directory / "jobs.db").write_bytes(sqlite_template)
    with running_api(
        directory,
        f"sqlite:///{directory / 'jobs.db'}",
        redis_server.url,
        tls=authority.client(),
        api_workers="1",
        allowed_hosts="ml.example.org",
        **files.settings(),
    ) as api:
        yield api


def test_a_job_is_submitted_awaited_and_followed(api: Api) -> None:
    dataset_id = ready_dataset(api.resources)
    job = api.client.post("/api/v1/jobs", json=train_spec(dataset_id)).json()
    path = f"/api/v1/jobs/{job['id']}"
    with ExitStack() as stack:
        waiting = stack.enter_context(
            api.raw(f"GET {path}?wait=30 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        )
        stream = stack.enter_context(api.client.stream("GET", f"{path}/events"))
        lines = stream.iter_text()
        first = next(lines)
        assert api.client.post(f"{path}/cancel").status_code == 202
        assert json.loads(read_response(waiting)[2])["status"] == "CANCELLED"
        assert parse_stream(first + "".join(lines))[-1].data["status"] == "CANCELLED"


@pytest.mark.parametrize("size", [1_000, 15_000, 17_000, 900_000])
def test_bodies_of_every_size_arrive_whole(api: Api, size: int) -> None:
    answer = api.client.post("/api/v1/jobs", json={"job_type": "TRAIN", "model_name": "x" * size})
    assert answer.status_code == 422, answer.text
    content = b"a,b\n" + b"1,2\n" * (size // 4)
    form = {"file": ("rows.csv", content)}
    stored = api.client.post("/api/v1/datasets", files=form, data={"name": f"rows-{size}"})
    assert stored.status_code == 201, stored.text


def test_requests_that_arrive_together_are_answered_in_their_order(api: Api) -> None:
    requests = GET % ("localhost", "X-Request-Id: a\r\n") + GET % (
        "localhost",
        "X-Request-Id: b\r\nConnection: close\r\n",
    )
    with api.raw(requests.encode()) as connection:
        data = b""
        while chunk := connection.recv(65_536):
            data += chunk
    assert [line for line in data.split(b"\r\n") if line.startswith(b"X-Request-Id")] == [
        b"X-Request-Id: a",
        b"X-Request-Id: b",
    ]


def test_requests_behind_a_large_body_are_answered_too(api: Api) -> None:
    spec = json.dumps({"job_type": "TRAIN", "model_name": "x" * 33_000})
    length = f"Content-Type: application/json\r\nContent-Length: {len(spec)}\r\n"
    head = f"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n{length}\r\n"
    behind = GET % ("localhost", "X-Request-Id: behind\r\n") * 200 + GET % ("localhost", "Connection: close\r\n")
    with api.raw((head + spec + behind).encode()) as connection:
        data = b""
        while chunk := connection.recv(65_536):
            data += chunk
    assert (data.count(b"HTTP/1.1 422 "), data.count(b"HTTP/1.1 200 ")) == (1, 201)


def test_a_client_may_stop_within_a_record_and_go_on(api: Api, authority: Authority) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.client().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", api.port), timeout=20) as connection:

        def send_in_two_parts() -> None:
            data = outgoing.read()
            for part in (data[:20], data[20:]):
                connection.sendall(part)
                assert live(api.client)["status"] == "live"  # so the server has seen this part

        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        send_in_two_parts()
        while True:
            incoming.write(connection.recv(65_536))
            try:
                client.do_handshake()
            except ssl.SSLWantReadError:
                continue
            break
        send_in_two_parts()
        client.write((GET % ("localhost", "Connection: close\r\n")).encode())
        send_in_two_parts()
        while chunk := connection.recv(65_536):
            incoming.write(chunk)
        assert client.read(65_536).startswith(b"HTTP/1.1 200 ")


def test_browsers_stay_with_https_under_its_own_name_only(api: Api) -> None:
    found = {}
    for host in ("ml.example.org", f"ml.example.org:{api.port}", "localhost", "127.0.0.1"):
        with api.raw((GET % (host, "Connection: close\r\n")).encode()) as connection:
            found[host] = read_response(connection)[1].get("strict-transport-security")
    year = "max-age=31536000"
    assert list(found.values()) == [year, year, None, None]


def test_a_page_of_the_plain_address_changes_nothing(api: Api) -> None:
    for origin, status in ((f"https://localhost:{api.port}", 404), (f"http://localhost:{api.port}", 403)):
        head = f"Host: localhost:{api.port}\r\nOrigin: {origin}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        with api.raw(f"POST /api/v1/jobs/999999/cancel HTTP/1.1\r\n{head}".encode()) as connection:
            assert read_response(connection)[0] == status


def test_plain_http_is_told_to_use_https(api: Api) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=20) as connection:
        connection.sendall((GET % ("localhost", "")).encode())
        status, headers, body = read_response(connection)
    assert (status, headers["connection"]) == (400, "close")
    assert b"https://" in body


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_refused(api: Api, authority: Authority) -> None:
    old = authority.client()
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", api.port), timeout=20) as connection,
        pytest.raises(ssl.SSLError, match="TLSV1_ALERT_PROTOCOL_VERSION"),
    ):
        old.wrap_socket(connection, server_hostname="localhost")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = authority.client()
        context.minimum_version = context.maximum_version = version
        assert httpx.get(f"https://localhost:{api.port}{LIVE}", verify=context, trust_env=False).status_code == 200


def client_hello(authority: Authority) -> bytes:
    """The first message of a client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.client().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("kind", ["silent", "half a hello", "a hello", "no TLS", "half a head", "never reading"])
def test_clients_that_do_not_behave_keep_nobody_out(api: Api, authority: Authority, kind: str) -> None:
    hello = client_hello(authority)
    raw = {"silent": b"", "half a hello": hello[:50], "a hello": hello, "no TLS": bytes(range(256)) * 10}
    never = f"GET {LARGEST_ASSET} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 4
    with ExitStack() as stack:
        for _ in range(100):
            if kind in raw:
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", api.port), timeout=20))
                connection.sendall(raw[kind])
            else:
                stack.enter_context(api.raw(never if kind == "never reading" else b"GET / HTTP/1.1\r\nHost"))
        with httpx.Client(
            base_url=api.client.base_url, timeout=SHORT_SECONDS, trust_env=False, verify=authority.client()
        ) as client:
            for _ in range(10):
                assert live(client)["status"] == "live"
    assert "Traceback" not in api.fleet.log("api")


def test_silent_clients_beyond_the_limit_make_room(api: Api, authority: Authority) -> None:
    with ExitStack() as stack:
        for _ in range(820):
            stack.enter_context(socket.create_connection(("127.0.0.1", api.port), timeout=20))
        with httpx.Client(
            base_url=api.client.base_url, timeout=SHORT_SECONDS, trust_env=False, verify=authority.client()
        ) as client:
            assert live(client)["status"] == "live"


def test_a_slow_client_gets_its_whole_answer(api: Api) -> None:
    whole = api.client.get(LARGEST_ASSET).content
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        plain.settimeout(20)
        plain.connect(("127.0.0.1", api.port))
        assert api.tls is not None
        with api.tls.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(f"GET {LARGEST_ASSET} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert read_response(connection)[2] == whole


def serial(port: int, context: ssl.SSLContext) -> object:
    """Of the certificate that a server shows to a new client."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        found = connection.getpeercert()
    assert found is not None
    return found["serialNumber"]


def test_a_renewed_certificate_is_used_without_a_restart(api: Api, authority: Authority, files: ServerFiles) -> None:
    assert api.tls is not None
    pid, before = live(api.client)["pid"], serial(api.port, api.tls)
    key = files.key.read_bytes()
    files.key.write_bytes(b"no key")
    eventually(
        lambda: serial(api.port, authority.client()) == before and "certificate_not_renewed" in api.fleet.log("api"),
        what="a wrong file is told, and the old certificate stays",
    )
    files.key.write_bytes(key)
    authority.issue()
    eventually(lambda: serial(api.port, authority.client()) != before, what="the new one is shown")
    assert live(api.client)["pid"] == pid


@pytest.mark.parametrize("module", ["ml_training.api", "exporter"])
def test_wrong_files_end_the_start_with_one_line(tmp_path: Path, authority: Authority, module: str) -> None:
    files, other = authority.issue(), authority.issue("other")
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "ML_TRAINING_DATA_DIR": str(tmp_path / "data"),
    }
    environment |= {"ML_TRAINING_TLS_CERT_FILE": str(files.cert), "ML_TRAINING_TLS_KEY_FILE": str(other.key)}
    done = subprocess.run([sys.executable, "-m", module], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"ML_TRAINING_TLS_KEY_FILE: {other.key} is not the key of {files.cert}" in done.stderr
    assert "Traceback" not in done.stderr
