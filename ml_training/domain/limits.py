"""The published limits; each one is a setting, and each refusal names the limit."""

from pydantic import BaseModel, ConfigDict, PositiveInt

MAX_PHASES = 1_000  # of a data set, so of a job


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
    query_characters: PositiveInt = 20_000
    query_seconds: PositiveInt = 3_600
    idempotency_key_characters: PositiveInt = 128
    runtime_seconds: PositiveInt = 86_400
    waits: PositiveInt = 4
