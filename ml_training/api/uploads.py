"""Multipart uploads, streamed: the file goes from the socket to the storage, never into memory or a second file."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import NEED_DATA, Data, Epilogue, Event, Field, File, MultipartDecoder

from ml_training.api.body import too_large
from ml_training.api.requests import UploadForm
from ml_training.domain.errors import BadRequest, FieldError, Invalid, WrongKind
from ml_training.domain.json_pointers import field_errors
from ml_training.storage.base import StoredObject

CHUNK_BYTES = 64 << 10
BUFFER_BYTES = 4 * CHUNK_BYTES  # what the decoder may hold: a part's headers, or text before the first boundary
LINE_BREAK = re.compile(rb"[\r\n]")
LINE_EXTRA_BYTES = 8  # of a boundary line: two line breaks and up to four dashes
MAX_PARTS = 10
FIELD_BYTES = 1 << 10
FORMATS = {".csv": "csv", ".csv.gz": "csv.gz", ".parquet": "parquet"}
Store = Callable[[str, Iterator[bytes]], StoredObject]


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored file and the small fields around it."""

    form: UploadForm
    file_format: str
    stored: StoredObject


@dataclass(slots=True)
class _Parts:
    """What has been read of a form."""

    fields: dict[str, str] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)
    file: tuple[str, StoredObject] | None = None
    has_file: bool = False


def read_upload(stream: IO[bytes], boundary: bytes, store: Store) -> Upload:
    """Read a form of one file and small fields, in any order; `store(file_format, chunks)` takes the file's bytes.

    Raises BadRequest (not a form), TooLarge, WrongKind (a suffix that is not known), Invalid with every reason. After
    a wrong field the file is read but not stored, so that the fields behind it are judged too.
    """
    parts = _Parts()
    events = _events(stream, boundary)
    for event in events:  # among them the bytes of files that nobody stored
        if isinstance(event, File):
            _take_file(parts, event, _data(events), store)
        elif isinstance(event, Field):
            _take_field(parts, event, _data(events))
    form, errors = _form(parts)
    if form is None or parts.file is None or errors:
        raise Invalid("the form is wrong", errors=errors)
    file_format, stored = parts.file
    return Upload(form, file_format, stored)


def format_of(filename: str) -> str:
    """The format that the file's name says; raises WrongKind for any other."""
    for suffix, file_format in FORMATS.items():
        if filename.lower().endswith(suffix):
            return file_format
    raise WrongKind(f"the file's name must end in {', '.join(FORMATS)}: convert or rename the file")


def _take_file(parts: _Parts, event: File, chunks: Iterator[bytes], store: Store) -> None:
    is_expected = event.name == "file" and not parts.has_file
    if not is_expected:
        parts.errors.append(FieldError(f"/{event.name}", "only one file is read, and its field is named file"))
    parts.has_file |= event.name == "file"
    file_format = format_of(event.filename) if is_expected else ""
    if is_expected and not _is_wrong_already(parts):
        _store_file(parts, file_format, chunks, store)


def _store_file(parts: _Parts, file_format: str, chunks: Iterator[bytes], store: Store) -> None:
    try:
        parts.file = file_format, store(file_format, chunks)
    except Invalid as error:  # the file's first bytes are wrong: go on to judge the fields behind it
        parts.errors += error.errors


def _take_field(parts: _Parts, event: Field, chunks: Iterator[bytes]) -> None:
    value = b""
    for chunk in chunks:
        value = (value + chunk)[: FIELD_BYTES + 1]
    pointer = f"/{event.name}"
    if event.name == "file":
        parts.has_file = True
        parts.errors.append(FieldError(pointer, "must be a file with a filename"))
    elif event.name in parts.fields:
        parts.errors.append(FieldError(pointer, "stands twice: keep one"))
    elif len(value) > FIELD_BYTES:
        parts.errors.append(FieldError(pointer, f"is larger than {FIELD_BYTES:,} bytes"))
    else:
        parts.fields[event.name] = _text(value, pointer)


def _text(value: bytes, pointer: str) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(f"{pointer} is not UTF-8") from None
    if "\0" in text:
        raise BadRequest(f"{pointer} holds a NUL character: remove it")
    return text


def _form(parts: _Parts) -> tuple[UploadForm | None, tuple[FieldError, ...]]:
    """The form, or every reason why it is none."""
    errors = tuple(parts.errors)
    if not parts.has_file:
        errors += (FieldError("/file", "is missing: send the data as a file"),)
    try:
        return UploadForm.model_validate(parts.fields), errors
    except ValidationError as error:
        return None, errors + field_errors(error, parts.fields)


def _is_wrong_already(parts: _Parts) -> bool:
    """Whether a field read so far is wrong; what is missing may still come."""
    _, errors = _form(parts)
    return bool(parts.errors) or any(error.pointer.removeprefix("/") in parts.fields for error in errors)


def _data(events: Iterator[Event]) -> Iterator[bytes]:
    """The bytes of the part that has just begun."""
    for event in events:
        if not isinstance(event, Data):
            raise BadRequest("the form is broken")
        yield event.data
        if not event.more_data:
            return


def _events(stream: IO[bytes], boundary: bytes) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary, max_form_memory_size=BUFFER_BYTES, max_parts=MAX_PARTS)
    pieces = _pieces(stream, len(boundary) + LINE_EXTRA_BYTES)
    try:
        while not isinstance(event := decoder.next_event(), Epilogue):
            if event is NEED_DATA:
                _feed(decoder, next(pieces, None))
            elif isinstance(event, Field | File) and event.name is None:
                raise BadRequest("a part of the form has no name")
            else:
                yield event
    except RequestEntityTooLarge:
        raise Invalid(f"a form has at most {MAX_PARTS} parts") from None
    except ValueError:
        raise BadRequest("the form is broken or ends early") from None


def _feed(decoder: MultipartDecoder, piece: bytes | None) -> None:
    try:
        decoder.receive_data(piece)
    except RequestEntityTooLarge:
        raise BadRequest("the form holds too much text outside its parts") from None


def _pieces(stream: IO[bytes], line_bytes: int) -> Iterator[bytes]:
    """The stream, cut so that no piece ends inside a boundary line, which has at most `line_bytes` bytes.

    werkzeug 3.1 gives out the line break in front of a boundary as data when it sees the boundary and one byte more.
    """
    held = b""
    while chunk := _read(stream):
        held += chunk
        line = LINE_BREAK.search(held, max(0, len(held) - line_bytes))
        cut = len(held) if line is None else line.start()
        if cut:
            yield held[:cut]
        held = held[cut:]
    if held:
        yield held


def _read(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(CHUNK_BYTES)
    except RequestEntityTooLarge:
        raise too_large() from None
