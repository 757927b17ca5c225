"""The published limits; each one is a setting, and each refusal names the limit."""

import re

from pydantic import BaseModel, ConfigDict, PositiveInt

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
MAX_PHASES = 1_000  # of a data set, so of a job
NAME_HINT = "1 to 64 letters, digits, '_', '.' or '-', starting with a letter or digit"


class Limits(BaseModel):
    """Upper bounds on what the service accepts."""

    model_config = ConfigDict(frozen=True)

    json_body_bytes: PositiveInt = 1 << 20
    json_depth: PositiveInt = 20
    upload_bytes: PositiveInt = 2 << 30
    unpacked_bytes: PositiveInt = 4 << 30
    unpack_ratio: PositiveInt = 100
    columns: PositiveInt = 5_000
    cells: PositiveInt = 200_000_000
    column_name_characters: PositiveInt = 256
    pending_jobs: PositiveInt = 10_000
    batch_jobs: PositiveInt = 1_000
    page: PositiveInt = 200
    idempotency_key_characters: PositiveInt = 128
    runtime_seconds: PositiveInt = 86_400
    waits: PositiveInt = 4


def is_name(text: str) -> bool:
    """Whether `text` may name a model or a data set."""
    return re.fullmatch(NAME_PATTERN, text) is not None
