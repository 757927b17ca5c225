"""Where the rows of a data set come from when nobody uploads them: a query on a connection, or a file below a root.

Connections and roots are named in the configuration; a client sends names, never addresses.
"""

import re
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator, Field, StrictStr, StringConstraints, TypeAdapter, ValidationError

from ml_training.domain.file_options import FileOptions
from ml_training.domain.spec_fields import Spec

SOURCE_NAME = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"
SOURCE_NAME_HINT = "lower-case letters and digits, with single _ between them, such as sales_db"
SCHEME = "s3://"
FILE_FORM = f"must be {SCHEME}ROOT/KEY, where ROOT is one of the configured roots"
LONGEST_KEY = 1_024  # bytes, as in Amazon S3


def _file_address(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    if separator and scheme != "s3":
        raise ValueError(f"{scheme[:20]}:// is not read: {FILE_FORM}")
    root, slash, key = rest.partition("/")
    if not separator or not slash or not key or not re.fullmatch(SOURCE_NAME, root):
        raise ValueError(FILE_FORM)
    if problem := _key_problem(key):
        raise ValueError(problem)
    return address


def _key_problem(key: str) -> str | None:
    """Why a key is refused: it must name one object, and be read in the same way by every server."""
    if len(key.encode()) > LONGEST_KEY:
        return f"has a key of more than {LONGEST_KEY:,} bytes"
    decoded = key
    while (once_more := unquote(decoded)) != decoded:  # %252e is %2e is a point
        decoded = once_more
    if not decoded.isprintable() or "\\" in decoded:
        return "has a key with a backslash or a character that cannot be printed: rename the object"
    if any(part in ("", ".", "..") for part in decoded.split("/")):
        return "has a key with an empty part, . or ..: name one object, from the root down"
    return None


SourceName = Annotated[StrictStr, StringConstraints(pattern=f"^{SOURCE_NAME}$", max_length=64)]
Query = Annotated[StrictStr, StringConstraints(min_length=1)]
FileAddress = Annotated[StrictStr, StringConstraints(max_length=2_048), AfterValidator(_file_address)]


class QueryOrigin(Spec):
    """The rows of a query. The limits of the service say how long it may be."""

    connection: SourceName = Field(description="one of GET /connections")
    query: Query = Field(description="one SELECT; its rows are sorted by all columns, from left to right")
    options: FileOptions = FileOptions()


class FileOrigin(Spec):
    """A file below a configured root."""

    source: FileAddress = Field(description=f"{SCHEME}ROOT/KEY; the suffix of the key says the format")
    options: FileOptions = FileOptions()

    @property
    def root(self) -> str:
        """The name of the root."""
        return self.source.removeprefix(SCHEME).partition("/")[0]

    @property
    def key(self) -> str:
        """The key below the root."""
        return self.source.removeprefix(SCHEME).partition("/")[2]


Origin = QueryOrigin | FileOrigin
_ORIGIN: TypeAdapter[Origin] = TypeAdapter(Origin)


def origin_json(origin: Origin) -> dict[str, Any]:
    """The origin as it is stored: a reading option only if it was given."""
    return origin.model_dump(mode="json", exclude_defaults=True)


def stored_origin(value: object) -> Origin | None:
    """The origin read back from its row; None if the row was tampered with."""
    try:
        return _ORIGIN.validate_python(value)
    except ValidationError:
        return None
