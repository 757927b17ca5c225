"""Secrets from files: NAME_FILE names a file that holds what NAME would, as Docker and Kubernetes mount them."""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

MOUNTED = Path("/run/secrets")  # Docker mounts here, in a file system of the container's own, readable by all in it
MOST_BYTES = 64 << 10


def read_secrets(names: Iterable[str], environment: Mapping[str, str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The values that files give to these variables, and the errors as (variable, remedy); no text holds a secret.

    An empty variable counts as not set.
    """
    found, errors = dict[str, str](), list[tuple[str, str]]()
    for name in names:
        variable = f"{name}_FILE"
        path = environment.get(variable)
        if not path:
            continue
        if environment.get(name):
            errors.append((variable, f"{name} is set too: remove one of the two"))
            continue
        try:
            found[name] = read_secret(Path(path))
        except OSError as error:
            errors.append((variable, f"{path} cannot be read: {error.strerror or error}"))
        except ValueError as error:
            errors.append((variable, f"{path} {error}"))
    return found, errors


def read_secret(path: Path) -> str:
    """The text of a file without the line break at its end; raises OSError, or ValueError with the remedy."""
    try:
        text = read_private(path).decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("is not in UTF-8") from None
    if not text or not text.isprintable():
        raise ValueError("must hold one line, the secret, and nothing else")
    return text


def read_private(path: Path, *, is_open: bool = False) -> bytes:
    """The content of a small file that other users cannot read, unless `is_open`; raises OSError, ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError("is no regular file")
        if not is_open and mode & stat.S_IRWXO and MOUNTED not in path.resolve().parents:
            raise ValueError(f"is open to other users of this machine: close it with `chmod 600 {path}`")
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"is larger than {MOST_BYTES:,} bytes: it holds something else")
    return content
