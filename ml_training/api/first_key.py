"""Before the API listens: stores the operator's first key, and refuses to listen to other machines without any key."""

import time
from collections.abc import Callable

from ml_training.db.engine import Database, open_database
from ml_training.db.schema_version import SchemaError, check_schema
from ml_training.domain.caller import SERVICE
from ml_training.domain.errors import Unavailable
from ml_training.domain.variables import is_loopback
from ml_training.logs import get_logger
from ml_training.services.keys import BootstrapError, has_keys, store_bootstrap_key
from ml_training.settings import PREFIX, Settings

log = get_logger(__name__)
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.5


class StartRefused(Exception):
    """The API must not listen; the message says why and what to do."""


def prepare_keys(settings: Settings, *, pause: Callable[[float], None] = time.sleep) -> None:
    """Store the key of BOOTSTRAP_KEY_FILE, if there is one; raises StartRefused.

    Asks the database only for such a file, or when other machines could reach the API: then it waits for it, because
    nobody may be let in before it is known that there are keys.
    """
    is_local = is_loopback(settings.api_host)
    if is_local and settings.bootstrap_key_file is None:
        return
    database = open_database(settings.database, pool_size=1)
    try:
        _wait_for(database, pause)
        if settings.bootstrap_key_file is not None:
            is_new = store_bootstrap_key(database, SERVICE, settings.bootstrap_key_file)
            log.info("bootstrap_key_stored" if is_new else "bootstrap_key_known")
        if not is_local and not has_keys(database):
            raise StartRefused(
                f"the API does not listen on {settings.api_host} without a key: other machines could do everything; "
                "make one with `ml-training keys create --role admin --name NAME`, "
                f"or set {PREFIX}BOOTSTRAP_KEY_FILE, or {PREFIX}API_HOST=127.0.0.1"
            )
    except (SchemaError, BootstrapError, Unavailable) as error:
        raise StartRefused(f"the API cannot start: {error}") from error
    finally:
        database.dispose()


def _wait_for(database: Database, pause: Callable[[float], None]) -> None:
    """Wait until the database answers with the schema of this code; raises SchemaError, Unavailable."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return check_schema(database)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            pause(PAUSE_SECONDS)
