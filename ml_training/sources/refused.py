"""What a source says no to: a result that the user reads, without the address and account of the source."""

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

HIDDEN = "***"
ACCOUNT = re.compile(r"'[^' ]*'@'[^' ]*'")  # MariaDB: a user, and the address that the server sees
MESSAGE_CHARACTERS = 500


class SourceRefused(Exception):
    """The source, or a limit, does not allow this; trying again does not help. reasons: (column or None, detail)."""

    def __init__(self, *reasons: tuple[str | None, str]) -> None:
        super().__init__(f"{len(reasons)} reasons")
        self.reasons = reasons


def refused(detail: str, *, column: str | None = None) -> SourceRefused:
    """The error with one reason."""
    return SourceRefused((column, detail))


def scrubbed(message: str, url: str) -> str:
    """A message of a server without user, password and host of the URL; in one line, cut to MESSAGE_CHARACTERS."""
    text = ACCOUNT.sub(HIDDEN, " ".join(message.split()))
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    return text[:MESSAGE_CHARACTERS]


def _secrets(url: str) -> set[str]:
    parts = urlsplit(url)
    values: Iterable[str | None] = (url, parts.netloc, parts.username, parts.password, parts.hostname)
    return {form for value in values if value for form in (value, unquote(value))}
