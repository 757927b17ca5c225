"""Finds who sent a request, from its Authorization header, and limits how much one caller may ask."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ml_training.api.counters import Counters
from ml_training.domain.api_keys import FORM, Refusal, StoredKey, authenticate
from ml_training.domain.caller import DEFAULT_PROJECT_ID, Caller, Role
from ml_training.domain.errors import TooMany, Unauthenticated
from ml_training.domain.token_bucket import TokenBuckets
from ml_training.logs import get_logger
from ml_training.services.key_cache import NEW_KEY_SECONDS, KeyCache

log = get_logger(__name__)
BURST_SECONDS = 5.0  # of requests that may come at once
# Requests without a valid key, of one address: the first number may come at once, as from clients behind one proxy;
# then five a second are answered with 401, and all others with 429.
FAILURES_AT_ONCE, FAILURES_PER_SECOND = 300.0, 5.0
REPORTS_AT_ONCE, REPORTS_PER_SECOND = 20.0, 0.1  # refusals of one key that the audit keeps
SHOWN_A_KEY = (Refusal.UNKNOWN, Refusal.WRONG, Refusal.EXPIRED)
# One answer for a missing, malformed, unknown, revoked or expired key: it tells nothing about the keys that there are.
NEEDS_KEY = f"this service needs a valid key: send `Authorization: Bearer {FORM}`; an admin makes one"


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Requests a second in one API process, of a key and of an address; 0: no limit."""

    per_key: float
    per_address: float


class Access:
    """Who may use this process. is_local: it listens on loopback, where a service without keys is open. Thread-safe."""

    def __init__(
        self,
        keys: KeyCache,
        counters: Counters,
        *,
        is_local: bool,
        limits: RateLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.keys = keys
        self._counters = counters
        self._is_local = is_local
        self._clock = clock
        self._lock = threading.Lock()
        self._of_keys, self._of_addresses = (_buckets(rate) for rate in (limits.per_key, limits.per_address))
        self._failures = TokenBuckets(rate=FAILURES_PER_SECOND, burst=FAILURES_AT_ONCE)
        self._reports = TokenBuckets(rate=REPORTS_PER_SECOND, burst=REPORTS_AT_ONCE)

    def identify(self, header: str | None, *, address: str, request_id: str, is_session: bool = False) -> Caller:
        """The caller; raises Unauthenticated, TooMany, or Unavailable when no keys could be read yet.

        header: Authorization, or what a cookie holds in its place: then only a session is right. A right key is never
        refused because others of its address, such as those behind the same proxy, have sent wrong ones.
        """
        self._take(self._of_addresses, address)
        snapshot = self.keys.read()
        if self._is_local and not snapshot.exists:
            return Caller(None, Role.ADMIN, DEFAULT_PROJECT_ID, address, request_id)
        now = snapshot.now(self._clock())
        found = authenticate(header, snapshot.keys, now=now)
        if found in SHOWN_A_KEY:  # of a known id as of an unknown one, so that the time tells nothing
            found = authenticate(header, self.keys.read(fresh=NEW_KEY_SECONDS).keys, now=now)
        if isinstance(found, StoredKey) and is_session and found.person_id is None:
            found = Refusal.MALFORMED  # a key in a cookie
        if isinstance(found, Refusal):
            raise self._refused(found, address)
        self._take(self._of_keys, found.owner_id)
        self.keys.note_use(found, now)
        return Caller(found.owner_id, found.role, found.project_id, address, request_id)

    def is_stranger(self, header: str | None) -> bool:
        """Whether the sender of a request to an open route shows no valid key of a closed service; counts nothing."""
        snapshot = self.keys.read()
        if self._is_local and not snapshot.exists:
            return False
        return isinstance(authenticate(header, snapshot.keys, now=snapshot.now(self._clock())), Refusal)

    def session(self, header: str) -> StoredKey | None:
        """The session that a cookie shows, if it is a valid one; counts nothing."""
        snapshot = self.keys.read()
        found = authenticate(header, snapshot.keys, now=snapshot.now(self._clock()))
        return found if isinstance(found, StoredKey) and found.person_id is not None else None

    def may_report(self, caller: Caller) -> bool:
        """Whether one more refusal of this key may become a row: a key that keeps asking must not fill the disk."""
        with self._lock:
            return self._reports.take(caller.key_id or caller.address, self._clock()) == 0

    def _refused(self, why: Refusal, address: str) -> Unauthenticated | TooMany:
        self._counters.count_unauthenticated(why)
        with self._lock:
            wait = self._failures.take(address, self._clock())
        if wait:
            return TooMany("too many requests without a valid key from this address", retry_after=math.ceil(wait))
        # At most as often as the bucket allows: a flood of wrong keys must not fill the disk.
        log.warning("not_authenticated", why=why.value, address=address)
        return Unauthenticated(NEEDS_KEY)

    def _take(self, buckets: TokenBuckets | None, name: str) -> None:
        if buckets is None:
            return
        with self._lock:
            wait = buckets.take(name, self._clock())
        if wait:
            raise TooMany("too many requests: slow down", retry_after=math.ceil(wait))


def _buckets(rate: float) -> TokenBuckets | None:
    return TokenBuckets(rate=rate, burst=max(1.0, rate * BURST_SECONDS)) if rate else None
