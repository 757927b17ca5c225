"""Checks every invariant of the database and the storage: `make verify`, `python -m ml_training.maintenance.verify`.

It reads only the tables and the storage, not the code that writes them. Run it while no job runs; it changes nothing.
"""

import sys
from collections.abc import Iterator

from ml_training.db.clock import read_clock
from ml_training.db.engine import Database, open_database
from ml_training.db.invariants import broken_rows, counter_gaps
from ml_training.db.removals import last_sweep, unnamed_since
from ml_training.db.schema_version import SchemaError, check_schema
from ml_training.db.storage_identity import read_identity
from ml_training.db.storage_references import needed_objects
from ml_training.domain.errors import Unavailable
from ml_training.settings import SettingsError, read_settings
from ml_training.storage.base import Storage
from ml_training.storage.open_storage import open_storage

KEYS_TOGETHER = 500


def violations(database: Database, storage: Storage, *, sweep_age_seconds: float) -> Iterator[str]:
    """A sentence for each invariant that is violated."""
    with database.read() as connection:
        for rule, ids in broken_rows(connection):
            yield f"invariant {rule}: violated by {ids}"
        for gap in counter_gaps(connection):
            yield f"invariant 8: a counter is below its rows: {gap}"
        needed, recorded = list(needed_objects(connection)), read_identity(connection)
        now, swept_at = read_clock(connection), last_sweep(connection)
    if recorded is not None and storage.identity() != recorded:
        yield f"invariant 4: {storage.place} is not the storage {recorded}, which belongs to the database"
    for what, key, sha256 in needed:
        if not storage.verify(key, sha256):
            yield f"invariant 4: the bytes of {what} are damaged or gone ({key})"
    keys = {key for _, key, _ in needed}
    unnamed = [key for key, _ in storage.list_keys() if key not in keys]
    for start in range(0, len(unnamed), KEYS_TOGETHER):
        together = unnamed[start : start + KEYS_TOGETHER]
        with database.read() as connection:
            since = unnamed_since(connection, together)
        # Twice the age: the sweeper runs only every few minutes, and the bytes of deleted rows wait for it. What has no
        # mark came after the last sweep began.
        for key in together:
            if now - since.get(key, swept_at) > 2 * sweep_age_seconds:
                yield f"invariant 4: no row references {key}, and the sweeper has not removed it"


def main() -> int:
    """Print every violation; 0 when there is none, 2 when the check could not run."""
    try:
        settings = read_settings()
        database = open_database(settings.database, pool_size=1)
        check_schema(database)
        found = list(violations(database, open_storage(settings), sweep_age_seconds=settings.sweep_age_seconds))
    except (SettingsError, SchemaError, Unavailable) as error:
        sys.stderr.write(f"cannot verify: {error}\n")
        return 2
    for line in found:
        sys.stdout.write(f"VIOLATED {line}\n")
    sys.stdout.write(f"{len(found)} violations of the invariants\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
