"""A key for the sample run of a service that asks for one: `up` runs beside the database, so it makes its own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ml_training.db.engine import open_database
from ml_training.domain.caller import SERVICE, Role
from ml_training.services.keys import create_key, has_keys, revoke_key

NAME = "sample run of `ml-training up`"
LONGEST_SECONDS = 3_600.0  # it is revoked after the run; if `up` is killed before, it expires


@contextmanager
def sample_key(database_url: str, *, is_closed: bool = False) -> Iterator[str | None]:
    """A submitter's key while the block runs; None when the service is open, which a key would close.

    is_closed: whether it asks for a key although there has never been one, since people sign in.
    """
    database = open_database(database_url, pool_size=1)
    try:
        if not (is_closed or has_keys(database)):
            yield None
            return
        expires_at = time.time() + LONGEST_SECONDS
        made = create_key(database, SERVICE, name=NAME, role=Role.SUBMITTER, expires_at=expires_at)
        try:
            yield made.key
        finally:
            revoke_key(database, SERVICE, made.key_id)
    finally:
        database.dispose()
