"""What a dry run answers."""

from typing import Literal

from pydantic import AliasPath, Field

from ml_training.api.response_schemas import JobWarning, ResponseSchema


class Estimate(ResponseSchema):
    """What a job will cost; null where nothing is known."""

    memory_bytes: int | None = Field(description="the most that it will take, above what its process begins with")
    seconds: float | None = Field(description="the median run time of equal jobs")
    starts_in_seconds: float | None = Field(description="at the rate at which jobs end now; 0 when a slot is free")


class DryRun(ResponseSchema):
    """A job that would be accepted."""

    accepted: Literal[True]
    warnings: list[JobWarning]
    rows: int = Field(validation_alias=AliasPath("facts", "rows"), description="that have a target")
    folds: int | None = Field(validation_alias=AliasPath("facts", "folds"), description="splits of a TRAIN, else null")
    purged: int | None = Field(
        validation_alias=AliasPath("facts", "purged"),
        description="rows that the splits of a TRAIN leave out, too near in time to held-out ones; else null",
    )
    features: int = Field(validation_alias=AliasPath("facts", "features"))
    classes: int | None = Field(validation_alias=AliasPath("facts", "classes"), description="null for regression")
    estimate: Estimate
