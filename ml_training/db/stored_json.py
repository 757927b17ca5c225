"""Reads the JSON of a column: a damaged one costs what it says, and never the statement that meets it."""

import json
from typing import Any

from ml_training.logs import get_logger

log = get_logger(__name__)


def read_json(text: str | bytes) -> Any:
    """The value; an empty object for a text that is no JSON, which only a hand in the database's file can write.

    The worker refuses an empty spec as `bad_spec`; every list still shows its other rows.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        log.warning("stored_json_damaged", error=str(error)[:200])
        return {}
