"""The keys of callers: how one is written, what is stored of it, and whether a header shows a valid one."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ml_training.domain.caller import Role

ID_BYTES, SECRET_BYTES = 6, 32
FORM = "mlt_<id>_<secret>"
_KEY = re.compile(r"mlt_([0-9a-f]{12})_([0-9a-f]{64})")
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(mlt_[0-9a-f_]{77})")
NAME_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A whole key. Only its digest is stored, so it is shown once: when it is made."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"ApiKey({self.key_id!r})"  # a log or a stack trace must not hold the secret

    @property
    def text(self) -> str:
        """The key as its owner sends it."""
        return f"mlt_{self.key_id}_{self.secret}"

    @property
    def digest(self) -> str:
        """SHA-256 of the secret, in hexadecimal digits. A slow hash is for passwords: 256 random bits need none."""
        return digest_of(self.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """One row of `api_keys`; times are Unix seconds of the database's clock."""

    id: int
    key_id: str
    secret_sha256: str
    role: Role
    project_id: int
    name: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None
    person_id: str | None = None  # of a session: who signed in

    @property
    def owner_id(self) -> str:
        """The id under which its caller makes things, the same in all sessions of a person."""
        return self.person_id or self.key_id


class Refusal(StrEnum):
    """Why a request is not authenticated. The answer is the same for all of them."""

    MISSING = "missing"  # no Authorization header
    MALFORMED = "malformed"  # it holds no key, or more than one
    UNKNOWN = "unknown"  # no key has this id, or the key is revoked
    WRONG = "wrong"  # another secret
    EXPIRED = "expired"


# Compared when no key has the id of a request, so that a known id takes no more work than an unknown one.
_NOBODY = StoredKey(
    id=0,
    key_id="",
    secret_sha256=hashlib.sha256(b"").hexdigest(),
    role=Role.VIEWER,
    project_id=0,
    name="",
    created_at=0.0,
    expires_at=None,
    revoked_at=None,
    last_used_at=None,
)


def parse_key(text: str) -> ApiKey | None:
    """The key that `text` is, or None."""
    found = _KEY.fullmatch(text)
    return ApiKey(found[1], found[2]) if found else None


def digest_of(secret: str) -> str:
    """SHA-256 of a secret, in hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(header: str | None, keys: Mapping[str, StoredKey], *, now: float) -> StoredKey | Refusal:
    """The key that an Authorization header shows, or why it shows none.

    keys: those that are not revoked, by id. now: Unix seconds of the database's clock. A known id, an unknown one and
    a wrong secret take the same steps: one hash and one comparison in constant time.
    """
    if header is None:
        return Refusal.MISSING
    bearer = _BEARER.fullmatch(header)
    shown = parse_key(bearer[1]) if bearer else None
    if shown is None:
        return Refusal.MALFORMED
    known = keys.get(shown.key_id, _NOBODY)
    is_right = hmac.compare_digest(shown.digest, known.secret_sha256)
    if known is _NOBODY:
        return Refusal.UNKNOWN
    if not is_right:
        return Refusal.WRONG
    if known.expires_at is not None and known.expires_at <= now:
        return Refusal.EXPIRED
    return known
