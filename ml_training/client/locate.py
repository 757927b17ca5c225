"""Which service to call: the one that is named, else the one in the environment, else the stack on this machine."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ml_training.client.errors import UsageError
from ml_training.domain.variables import (
    DEFAULT_API_PORT,
    DEFAULT_DATA_DIR,
    DEFAULT_HOST,
    PREFIX,
    RUN_FILE,
    SettingsError,
    http_url,
)

URL_FORM = "must be http://HOST:PORT or https://HOST"


@dataclass(frozen=True, slots=True)
class Address:
    """The base URL of a service, and the key to show there; None sends no key."""

    url: str
    key: str | None


def find_service(url: str | None = None, key: str | None = None, *, environment: Mapping[str, str]) -> Address:
    """The service to call.

    url: else ML_TRAINING_API_URL, else the running stack of ML_TRAINING_DATA_DIR (default ./var), else the API's host
    and port. key: else ML_TRAINING_API_KEY. Raises UsageError for a `url` that is none, SettingsError for a variable.
    """
    variables = {name.removeprefix(PREFIX): value for name, value in environment.items() if name.startswith(PREFIX)}
    if url is not None and not _is_url(url):
        raise UsageError(f"url {URL_FORM}, not {url!r}")
    found = url or variables.get("API_URL") or _stack_url(variables)
    wrong = [] if _is_url(found) else [f"{PREFIX}API_URL: {URL_FORM}"]
    if not _is_port(variables.get("API_PORT") or str(DEFAULT_API_PORT)):
        wrong.append(f"{PREFIX}API_PORT: must be a number from 1 to 65535")
    if wrong:
        raise SettingsError("these settings cannot be used:\n" + "\n".join(f"  {line}" for line in wrong))
    return Address(found.rstrip("/"), key or variables.get("API_KEY") or None)


def read_running_stack(path: Path) -> dict[str, Any] | None:
    """The content of a `run.json`; None when there is no valid file, or when its process no longer runs."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        running = isinstance(found, dict) and _is_alive(int(found["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if running else None


def _stack_url(variables: Mapping[str, str]) -> str:
    data_dir = Path(variables.get("DATA_DIR") or DEFAULT_DATA_DIR).expanduser()
    running = read_running_stack(data_dir / RUN_FILE)
    if running is not None and isinstance(running.get("api_url"), str):
        return str(running["api_url"])
    host, port = variables.get("API_HOST") or DEFAULT_HOST, variables.get("API_PORT") or DEFAULT_API_PORT
    return http_url(host, port, tls=bool(variables.get("TLS_CERT_FILE")))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number
        return False


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
