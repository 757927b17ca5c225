"""The settings of all processes: one frozen value that each process reads from the environment at its start.

`read_settings()` is the only function that reads them; it reports all errors at once and names each variable.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from pydantic import Field, NonNegativeInt, PositiveInt, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from ml_training.domain.allowed_hosts import host_names
from ml_training.domain.limits import Limits
from ml_training.domain.names import project_names
from ml_training.domain.near_misses import near_miss
from ml_training.domain.trusted_proxies import TrustedProxies
from ml_training.domain.variables import DEFAULT_API_PORT, DEFAULT_DATA_DIR, DEFAULT_HOST, RUN_FILE
from ml_training.domain.variables import PREFIX as PREFIX
from ml_training.domain.variables import SettingsError as SettingsError
from ml_training.secret_files import read_secrets
from ml_training.sign_in_settings import SignInSettings
from ml_training.source_settings import SourceSettings, is_source_variable, read_source_settings

API_KEY = f"{PREFIX}API_KEY"  # of clients; no process of the service reads it
SECRETS = (
    "database_url",
    "broker_url",
    "database_password",
    "broker_password",
    "metrics_token",
    "s3_access_key_id",
    "s3_secret_access_key",
    "oidc_client_secret",
)  # each also as NAME_FILE
DEFAULT_BROKER_URL = "redis://127.0.0.1:6379/0"  # the default address of a Redis server
Port = Annotated[int, Field(ge=1, le=65_535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SecondsOrNever = Annotated[float, Field(ge=0, allow_inf_nan=False)]
ESCAPED = "with special characters of the password as %XX"
TOKEN_CHARACTERS = "must be 16 to 512 of the characters A-Z a-z 0-9 - . _ ~ + /; make one with `openssl rand -hex 32`"  # noqa: S105 - no password
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,512}=*")
DATABASE_FORM = f"must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME, {ESCAPED}"
STORAGE_FORM = "must be s3://BUCKET or s3://BUCKET/PREFIX; empty: a directory in the data directory"
_STORAGE_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.-]+)*/?")
ENDPOINT_FORM = "must be http://HOST:PORT or https://HOST, without the bucket and without a key"
BROKER_FORM = f"must be redis://:PASSWORD@HOST:PORT/DB, rediss://... or redis+socket:///PATH, {ESCAPED}"


class Settings(SignInSettings):
    """The variables with PREFIX, as documented in .env.example; times are in seconds."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        enable_decoding=False,  # each limit has its own variable; invalid JSON would end in a stack trace
        frozen=True,
        extra="forbid",
    )

    database_url: str = Field("", repr=False)  # empty: SQLite in the data directory
    broker_url: str = Field("", repr=False)  # empty: the embedded Redis of `ml-training up`
    database_password: str = Field("", repr=False)  # for a URL without one
    broker_password: str = Field("", repr=False)
    data_dir: Path = Path(DEFAULT_DATA_DIR)
    storage_url: str = ""  # empty: a directory in the data directory
    s3_endpoint: str = ""  # empty: AWS
    s3_region: str = ""
    s3_path_style: bool | None = None  # None: with an endpoint
    s3_access_key_id: str = Field("", repr=False)  # empty: the role of the machine
    s3_secret_access_key: str = Field("", repr=False, validate_default=True)
    s3_redirect_seconds: int = Field(0, ge=0, le=604_800)  # 0: the API sends files itself; S3 signs for a week at most
    cache_dir: Path | None = None  # None: in the data directory
    cache_bytes: NonNegativeInt = 10 << 30
    tls_cert_file: Path | None = None  # of API and exporter; None: they speak plain HTTP
    tls_key_file: Path | None = Field(None, validate_default=True)
    allowed_hosts: str = ""  # names of API and exporter beside the local ones, with commas
    trusted_proxies: str = ""  # networks whose header X-Forwarded-For is believed, with commas
    api_host: str = DEFAULT_HOST
    api_port: Port = DEFAULT_API_PORT
    api_workers: PositiveInt = 2
    api_threads: Annotated[int, Field(ge=2)] = 8
    bootstrap_key_file: Path | None = None  # of the first admin, made by the operator
    key_requests_per_second: SecondsOrNever | None = None  # of one key in one API process; 0: no limit
    address_requests_per_second: SecondsOrNever | None = None
    api_url: str = ""  # empty: the URL of the running stack, else http://API_HOST:API_PORT
    exporter_host: str = DEFAULT_HOST
    exporter_port: Port = 8012
    metrics_token: SecretStr = SecretStr("")  # empty: everyone may read the metrics
    metrics_projects: str = ""  # the projects with metrics of their own, with commas
    worker_concurrency: NonNegativeInt = 0  # 0: as many as cores
    worker_threads: NonNegativeInt = 0  # at most, of each job; 0: all cores
    worker_memory_bytes: NonNegativeInt = 0
    worker_max_jobs_per_child: PositiveInt = 500
    worker_poll_seconds: Seconds = 5.0
    binned_cache_bytes: NonNegativeInt = 2 << 30  # 0: off
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    lease_seconds: Seconds = 30.0
    lease_renew_seconds: Seconds = 5.0
    lease_poll_seconds: Seconds = 0.5
    cancel_grace_seconds: Seconds = 5.0
    drain_grace_seconds: Seconds = 5.0
    checkpoint_seconds: Seconds = 60.0
    stall_seconds: Seconds = 180.0
    dask_scheduler: str = ""  # empty: no job asks for engine dask
    dask_tls_ca_file: Path | None = None
    dask_tls_cert_file: Path | None = None
    dask_tls_key_file: Path | None = None
    dask_ports: str = "12400-12999"
    heartbeat_seconds: Seconds = 5.0
    heartbeat_dead_seconds: Seconds = 30.0
    relay_seconds: Seconds = 0.5
    reap_seconds: Seconds = 2.0
    fold_seconds: Seconds = 5.0
    sweep_seconds: Seconds = 600.0
    sweep_age_seconds: Seconds = 3600.0
    retention_seconds: SecondsOrNever = 90 * 86_400.0
    audit_retention_seconds: SecondsOrNever = 365 * 86_400.0
    retention_pause_seconds: Seconds = 0.5
    publish_budget_seconds: Seconds = 1.0
    snapshot_seconds: Seconds = 1.0
    limits: Limits = Limits()
    data_sources: SourceSettings = SourceSettings()  # see source_settings.py

    @field_validator("data_dir", "cache_dir")
    @classmethod
    def _make_absolute(cls, path: Path | None) -> Path | None:
        try:
            return None if path is None else path.expanduser().absolute()
        except RuntimeError:
            raise ValueError("names the home directory of a user that this machine does not know") from None

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: str) -> str:
        if url.startswith("sqlite:///"):
            path = url.removeprefix("sqlite:///").partition("?")[0]
            _require(path not in ("", ":memory:"), "must name a file, since every process opens it: sqlite:///PATH")
        elif url:
            _split_url(url, form=DATABASE_FORM, schemes=("postgresql", "postgresql+psycopg2"))
        return url

    @field_validator("broker_url")
    @classmethod
    def _check_broker_url(cls, url: str) -> str:
        if url.startswith("redis+socket:///"):
            options = parse_qs(urlsplit(url).query)
            _require(options.get("virtual_host", ["0"])[0].isdecimal(), "virtual_host must be a number, such as 0")
        elif url:
            number = _split_url(url, form=BROKER_FORM, schemes=("redis", "rediss")).path.strip("/")
            _require(not number or number.isdecimal(), f"{BROKER_FORM}; DB is a number, such as 0")
        return url

    @field_validator("database_password", "broker_password")
    @classmethod
    def _check_password(cls, password: str, info: ValidationInfo) -> str:
        name = f"{str(info.field_name).partition('_')[0]}_url"
        url = info.data.get(name)  # absent when it is invalid itself
        if password and url is not None:
            parts = urlsplit(url)
            can_have_one = parts.scheme.partition("+")[0] in ("postgresql", "redis", "rediss") and parts.hostname
            _require(
                bool(can_have_one) and parts.password is None,
                f"goes with a {variable_name((name,))} that names a server and no password",
            )
        return password

    @field_validator("storage_url")
    @classmethod
    def _check_storage_url(cls, url: str) -> str:
        _require(not url or _STORAGE_URL.fullmatch(url) is not None, STORAGE_FORM)
        return url

    @field_validator("s3_endpoint")
    @classmethod
    def _check_s3_endpoint(cls, url: str) -> str:
        if url:
            parts = _split_url(url, form=ENDPOINT_FORM, schemes=("http", "https"))
            _require(not parts.path.strip("/") and not parts.query and "@" not in url, ENDPOINT_FORM)
        return url.rstrip("/")

    @field_validator("s3_secret_access_key")
    @classmethod
    def _check_s3_secret(cls, secret: str, info: ValidationInfo) -> str:
        _require(
            bool(secret) == bool(info.data.get("s3_access_key_id")),
            f"goes with {PREFIX}S3_ACCESS_KEY_ID: set both, or none where the machine has a role",
        )
        return secret

    @field_validator("tls_key_file")
    @classmethod
    def _check_tls_key_file(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        _require((path is None) == (info.data.get("tls_cert_file") is None), f"goes with {PREFIX}TLS_CERT_FILE")
        return path

    @field_validator("api_url")
    @classmethod
    def _check_api_url(cls, url: str) -> str:
        if url:
            _split_url(url, form="must be http://HOST:PORT or https://HOST", schemes=("http", "https"))
        return url

    @field_validator("allowed_hosts")
    @classmethod
    def _check_allowed_hosts(cls, names: str) -> str:
        host_names(names)
        return names

    @field_validator("trusted_proxies")
    @classmethod
    def _check_trusted_proxies(cls, networks: str) -> str:
        TrustedProxies(networks)
        return networks

    @field_validator("metrics_projects")
    @classmethod
    def _check_metrics_projects(cls, names: str) -> str:
        project_names(names)
        return names

    @field_validator("dask_scheduler")
    @classmethod
    def _check_dask_scheduler(cls, url: str) -> str:
        if url:
            _split_url(url, form="must be tcp://HOST:PORT or tls://HOST:PORT", schemes=("tcp", "tls"))
        return url

    @field_validator("dask_ports")
    @classmethod
    def _check_dask_ports(cls, ports: str) -> str:
        first, _, last = ports.partition("-")
        valid = first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= 65_535
        _require(valid, "must be FIRST-LAST, such as 12400-12999")
        return ports

    @field_validator("metrics_token")
    @classmethod
    def _check_metrics_token(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value()
        _require(not text or _TOKEN.fullmatch(text) is not None, TOKEN_CHARACTERS)
        return token

    @field_validator("lease_renew_seconds")
    @classmethod
    def _check_lease_renew_seconds(cls, renew: float, info: ValidationInfo) -> float:
        lease = info.data.get("lease_seconds")  # absent when it is invalid itself
        _require(
            lease is None or renew * 2 < lease,
            f"must be less than half of {PREFIX}LEASE_SECONDS ({lease}): one lost renewal is normal",
        )
        return renew

    @property
    def database(self) -> str:
        """The database URL in use."""
        url = self.database_url or f"sqlite:///{self.data_dir / 'ml_training.db'}"
        return _with_password(url, self.database_password)

    @property
    def broker(self) -> str:
        """The broker URL in use."""
        return _with_password(self.broker_url or DEFAULT_BROKER_URL, self.broker_password)

    @property
    def cache_directory(self) -> Path:
        """Where this machine keeps what it can fetch or make again."""
        return self.cache_dir or self.data_dir / "cache"

    @property
    def run_file(self) -> Path:
        """The file in which a running single-machine stack publishes its URLs."""
        return self.data_dir / RUN_FILE


def read_settings() -> Settings:
    """The settings of this process; raises SettingsError with all errors at once."""
    names = {variable_name((name,)): name for name in SECRETS}
    values, problems = read_secrets(names, os.environ)
    sources, source_problems = read_source_settings({name.upper(): value for name, value in os.environ.items()})
    problems += source_problems
    settings = None
    try:
        secrets = {names[variable]: value for variable, value in values.items()}
        settings = Settings(data_sources=sources, **secrets)  # type: ignore[arg-type]
    except ValidationError as error:
        problems += [
            (variable_name(item["loc"]), item["msg"].removeprefix("Value error, "))
            for item in error.errors(include_url=False)
        ]
    if problems or settings is None:
        lines = [f"  {variable}: {remedy}" for variable, remedy in problems]
        raise SettingsError("these settings cannot be used:\n" + "\n".join(lines))
    return settings


def unknown_settings() -> list[str]:
    """A line for each variable with PREFIX that nothing reads, with the nearest known name: a typing error, mostly."""
    limits = {variable_name(("limits", name)) for name in Limits.model_fields}
    files = {f"{variable_name((name,))}_FILE" for name in SECRETS}
    grouped = {"limits", "data_sources"}
    known = {variable_name((name,)) for name in Settings.model_fields if name not in grouped} | limits | files
    known.add(API_KEY)
    given = {name: name.upper() for name in os.environ if name.upper().startswith(PREFIX)}
    unknown = sorted(name for name, capitals in given.items() if capitals not in known)
    unknown = [name for name in unknown if not is_source_variable(given[name])]
    return [f"{name} is no setting{_nearest(name, known)}" for name in unknown]


def _nearest(name: str, known: set[str]) -> str:
    # Compared without the prefix: it alone would make everything look alike.
    found = near_miss(name.upper().removeprefix(PREFIX), [item.removeprefix(PREFIX) for item in known])
    return f": did you mean {PREFIX}{found}?" if found else ": .env.example lists all"


def variable_name(loc: tuple[int | str, ...]) -> str:
    """The environment variable of a field: ("limits", "page") gives ML_TRAINING_LIMITS__PAGE."""
    return PREFIX + "__".join(str(part).upper() for part in loc)


def _split_url(url: str, *, form: str, schemes: tuple[str, ...]) -> SplitResult:
    """The parts of a server URL; the ValueError shows the correct form but not `url`, which may hold a password."""
    try:
        parts = urlsplit(url)
        has_host = parts.port != 0 and (parts.hostname or "host" in parse_qs(parts.query))
    except ValueError:  # the port is not a number
        raise ValueError(form) from None
    # A password with unescaped characters, such as / or @, would move them to other parts of the URL.
    complete = url.count("@") == parts.netloc.count("@") <= 1 and not parts.fragment
    _require(parts.scheme in schemes and bool(has_host) and complete, form)
    return parts


def _with_password(url: str, password: str) -> str:
    """A checked URL with the password put into it."""
    if not password:
        return url
    scheme, _, rest = url.partition("://")
    user, at, address = rest.rpartition("@")
    return f"{scheme}://{user if at else ''}:{quote(password, safe='')}@{address if at else rest}"


def _require(valid: bool, remedy: str) -> None:
    if not valid:
        raise ValueError(remedy)
