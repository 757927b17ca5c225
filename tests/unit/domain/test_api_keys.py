"""What a key looks like, and that a known id is handled as an unknown one."""

import hashlib
import hmac
from typing import Any

import pytest

from ml_training.domain import api_keys
from ml_training.domain.api_keys import ApiKey, Refusal, StoredKey, authenticate, parse_key
from ml_training.domain.caller import Role

KEY = ApiKey("0123456789ab", "a" * 64)
STORED = StoredKey(
    id=1,
    key_id=KEY.key_id,
    secret_sha256=KEY.digest,
    role=Role.VIEWER,
    project_id=1,
    name="n",
    created_at=0.0,
    expires_at=100.0,
    revoked_at=None,
    last_used_at=None,
)
KEYS = {KEY.key_id: STORED}
UNKNOWN = ApiKey("f" * 12, KEY.secret)
WRONG = ApiKey(KEY.key_id, "b" * 64)


def test_a_key_is_read_as_it_was_written() -> None:
    assert parse_key(KEY.text) == KEY
    assert KEY.text == f"mlt_0123456789ab_{'a' * 64}"
    assert KEY.secret not in repr(KEY)


@pytest.mark.parametrize("text", ["", "mlt_", KEY.text[:-1], f"{KEY.text}0", f"{KEY.text}\n", KEY.text.upper(), " mlt"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert parse_key(text) is None


@pytest.mark.parametrize(
    ("header", "now", "found"),
    [
        (f"Bearer {KEY.text}", 99.9, STORED),
        (f"bearer   {KEY.text}", 99.9, STORED),
        (f"Bearer {KEY.text}", 100.0, Refusal.EXPIRED),
        (f"Bearer {WRONG.text}", 0.0, Refusal.WRONG),
        (f"Bearer {UNKNOWN.text}", 0.0, Refusal.UNKNOWN),
        (f"Bearer {KEY.text},Bearer {KEY.text}", 0.0, Refusal.MALFORMED),
        (KEY.text, 0.0, Refusal.MALFORMED),
        ("", 0.0, Refusal.MALFORMED),
        (None, 0.0, Refusal.MISSING),
    ],
)
def test_a_header_shows_a_key_or_why_not(header: str | None, now: float, found: StoredKey | Refusal) -> None:
    assert authenticate(header, KEYS, now=now) == found


def test_a_known_id_and_an_unknown_one_take_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[str, int]] = []

    def compared(first: Any, second: Any) -> bool:
        steps.append(("compare", len(first) + len(second)))
        return hmac.compare_digest(first, second)

    def hashed(data: bytes) -> Any:
        steps.append(("hash", len(data)))
        return hashlib.sha256(data)

    class Recorded:
        """A module with one function that records its calls."""

        compare_digest = staticmethod(compared)
        sha256 = staticmethod(hashed)

    monkeypatch.setattr(api_keys, "hmac", Recorded)
    monkeypatch.setattr(api_keys, "hashlib", Recorded)
    found = {}
    for name, key in (("unknown", UNKNOWN), ("wrong", WRONG), ("right", KEY)):
        steps.clear()
        authenticate(f"Bearer {key.text}", KEYS, now=0.0)
        found[name] = list(steps)
    assert found["unknown"] == found["wrong"] == found["right"] == [("hash", 64), ("compare", 128)]
