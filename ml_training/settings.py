"""Every setting of every process: one frozen value, read once from the environment by a composition root.

`read_settings()` is the only reader of os.environ; it reports all errors at once and names each variable.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ml_training.domain.limits import Limits

PREFIX = "ML_TRAINING_"
DEFAULT_BROKER = "redis://127.0.0.1:6379/0"  # where a Redis listens that nobody configured
Port = Annotated[int, Field(ge=1, le=65_535)]


class SettingsError(Exception):
    """The environment holds a value that cannot be used; the message lists every one."""


class Settings(BaseSettings):
    """The settings of PREFIX, as documented in .env.example; times are seconds."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", env_ignore_empty=True
    )

    database_url: str = ""  # empty: SQLite in the data directory
    broker_url: str = ""  # empty: the embedded Redis of `ml-training up`
    data_dir: Path = Path("var")
    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    api_workers: PositiveInt = 2
    api_threads: Annotated[int, Field(ge=2)] = 8
    api_url: str = ""  # empty: the running stack's, else http://API_HOST:API_PORT
    exporter_host: str = "127.0.0.1"
    exporter_port: Port = 8012
    worker_concurrency: NonNegativeInt = 0  # 0: as many as cores
    worker_threads: NonNegativeInt = 0  # 0: cores / concurrency
    worker_max_jobs_per_child: PositiveInt = 500
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    lease_seconds: PositiveFloat = 30.0
    lease_renew_seconds: PositiveFloat = 5.0
    lease_poll_seconds: PositiveFloat = 0.5
    cancel_grace_seconds: PositiveFloat = 5.0
    drain_grace_seconds: PositiveFloat = 5.0
    heartbeat_seconds: PositiveFloat = 5.0
    heartbeat_dead_seconds: PositiveFloat = 30.0
    relay_seconds: PositiveFloat = 0.5
    reap_seconds: PositiveFloat = 2.0
    fold_seconds: PositiveFloat = 5.0
    sweep_seconds: PositiveFloat = 600.0
    sweep_age_seconds: PositiveFloat = 3600.0
    publish_budget_seconds: PositiveFloat = 1.0
    snapshot_seconds: PositiveFloat = 1.0
    limits: Limits = Limits()

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if url and not url.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg2://")):
            raise ValueError("must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME")
        return url

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://", "redis+socket://")):
            raise ValueError("must be redis://HOST:PORT/DB, rediss://... or redis+socket:///PATH")
        return url

    @field_validator("lease_renew_seconds")
    @classmethod
    def _renewed_in_time(cls, renew: float, info: object) -> float:
        lease = getattr(info, "data", {}).get("lease_seconds", 30.0)
        if renew * 2 >= lease:
            raise ValueError(f"must be less than half of LEASE_SECONDS ({lease:g}): one lost renewal is normal")
        return renew

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'ml_training.db'}"

    @property
    def broker(self) -> str:
        """The broker URL in force."""
        return self.broker_url or DEFAULT_BROKER

    @property
    def run_file(self) -> Path:
        """Where a running single-machine stack writes its URLs."""
        return self.data_dir / "run.json"


def read_settings() -> Settings:
    """The settings of this process; raises SettingsError with every reason at once."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"  {variable_of(item['loc'])}: {item['msg']}" for item in error.errors(include_url=False)]
        raise SettingsError("these settings cannot be used:\n" + "\n".join(lines)) from None


def variable_of(loc: tuple[int | str, ...]) -> str:
    """The environment variable of a field: ('limits', 'page') is ML_TRAINING_LIMITS__PAGE."""
    return PREFIX + "__".join(str(part).upper() for part in loc)
