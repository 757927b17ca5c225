"""A request gets a thread once the thread would not have to wait: head first, a small body too."""

import pytest

from ml_training.api.request_buffer import BODY_BYTES, HEAD_BYTES, RequestBuffer, RequestState

HEAD = b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\n"


def arrive(data: bytes, step: int) -> tuple[list[RequestState], RequestBuffer]:
    """What a buffer says to each piece."""
    buffer = RequestBuffer()
    return [buffer.add(data[start : start + step]) for start in range(0, len(data), step)], buffer


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 1_000])
@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"\r\n",
        HEAD + b"Content-Length: 5\r\n\r\nhello",
        HEAD + b"content-length:5 \r\nAccept: */*\r\n\r\nhello",
        HEAD + b"Content-Length: 0\r\n\r\n",
    ],
)
def test_a_request_is_ready_with_its_last_byte(data: bytes, step: int) -> None:
    states, buffer = arrive(data, step)
    assert set(states[:-1]) <= {RequestState.PARTIAL}
    assert states[-1] is RequestState.READY
    assert buffer.take() == data


@pytest.mark.parametrize(
    "lines",
    [
        f"Content-Length: {BODY_BYTES + 1}\r\n",  # a thread reads it, with a slow-request permit
        "Content-Length: 9999999999\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nExpect: 100-continue\r\n",  # it comes only after an answer
        "X-Content-Length: 5\r\n",
        "Content-Length: -5\r\n",
    ],
)
def test_a_body_that_is_not_collected_does_not_delay_the_head(lines: str) -> None:
    states, _ = arrive(HEAD + lines.encode() + b"\r\n", 10_000)
    assert states == [RequestState.READY]


def test_a_small_body_is_collected() -> None:
    states, buffer = arrive(HEAD + b"Content-Length: %d\r\n\r\n" % BODY_BYTES + b"x" * (BODY_BYTES - 1), 100_000)
    assert states == [RequestState.PARTIAL]
    assert buffer.add(b"x") is RequestState.READY


def test_an_endless_head_is_rejected_early() -> None:
    states, _ = arrive(HEAD + b"X: " + b"x" * (2 * HEAD_BYTES), 1_000)
    assert states.index(RequestState.TOO_LARGE) <= HEAD_BYTES // 1_000 + 1


def test_a_client_that_disconnects_within_the_head_gets_no_answer() -> None:
    assert arrive(HEAD, 10)[1].end() is RequestState.DISCONNECTED
    assert RequestBuffer().end() is RequestState.DISCONNECTED


def test_a_client_that_disconnects_within_the_body_gets_an_answer() -> None:
    assert arrive(HEAD + b"Content-Length: 5\r\n\r\nhel", 10)[1].end() is RequestState.READY


def test_bytes_after_the_request_are_kept() -> None:
    both = HEAD + b"\r\n" + HEAD
    states, buffer = arrive(both, 1_000)
    assert states == [RequestState.READY]
    assert buffer.take() == both
