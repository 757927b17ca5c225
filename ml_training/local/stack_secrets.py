"""The URLs of database and broker, with their passwords, in files of the data directory that only its owner can read.

The processes of the stack get the names of the files: passwords are in no environment and no argument of theirs, and
`run.json` has the URLs without them.
"""

from pathlib import Path
from urllib.parse import urlsplit

from ml_training.local.private_file import write_private_file
from ml_training.settings import PREFIX, SECRETS

DATABASE_FILE, BROKER_FILE = "database.url", "broker.url"


def write_secrets(data_dir: Path, *, database_url: str, broker_url: str) -> dict[str, str]:
    """Write the files; the environment variables with which a process reads them, and no other secret."""
    write_private_file(data_dir / DATABASE_FILE, f"{database_url}\n")
    write_private_file(data_dir / BROKER_FILE, f"{broker_url}\n")
    nothing = {f"{PREFIX}{name.upper()}{suffix}": "" for name in SECRETS for suffix in ("", "_FILE")}
    return {
        **nothing,
        f"{PREFIX}DATABASE_URL_FILE": str(data_dir / DATABASE_FILE),
        f"{PREFIX}BROKER_URL_FILE": str(data_dir / BROKER_FILE),
    }


def remove_secrets(data_dir: Path) -> None:
    """Remove the files: the stack has stopped."""
    for name in (DATABASE_FILE, BROKER_FILE):
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
