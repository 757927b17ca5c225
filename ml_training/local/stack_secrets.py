"""The URLs of database and broker with their passwords, and the key of a bucket, in files that only the owner can read.

They are in the data directory. The processes of the stack get the names of the files: passwords are in no environment
and no argument of theirs, and `run.json` has the URLs without them.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ml_training.local.private_file import write_private_file
from ml_training.settings import PREFIX, SECRETS

DATABASE_FILE, BROKER_FILE = "database.url", "broker.url"
FILES = {  # setting -> file
    "database_url": DATABASE_FILE,
    "broker_url": BROKER_FILE,
    "metrics_token": "metrics.token",
    "s3_access_key_id": "s3_access_key_id",
    "s3_secret_access_key": "s3_secret_access_key",
    "oidc_client_secret": "oidc_client_secret",
}


def write_secrets(data_dir: Path, secrets: Mapping[str, str]) -> dict[str, str]:
    """Write the files; the environment variables with which a process reads them, and no other secret.

    secrets: the value of each setting that is in FILES; those without one get no file.
    """
    given = {name: value for name, value in secrets.items() if value}
    for name, value in given.items():
        write_private_file(data_dir / FILES[name], f"{value}\n")
    nothing = {f"{PREFIX}{name.upper()}{suffix}": "" for name in SECRETS for suffix in ("", "_FILE")}
    return {**nothing, **{f"{PREFIX}{name.upper()}_FILE": str(data_dir / FILES[name]) for name in given}}


def remove_secrets(data_dir: Path) -> None:
    """Remove the files: the stack has stopped."""
    for name in FILES.values():
        (data_dir / name).unlink(missing_ok=True)


def read_secret_url(path: Path, shown: str) -> str:
    """The URL with its password, for one that is shown without; the latter if the file is of another stack."""
    try:
        url = path.read_text(encoding="utf-8").strip()
    except OSError:
        return shown
    return url if without_password(url) == shown else shown


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, address = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return parts._replace(netloc=f"{name}@{address}" if name else address).geturl()
