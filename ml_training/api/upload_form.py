"""Streams multipart uploads from the socket to the storage, without a copy in memory or in a temporary file."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import NEED_DATA, Data, Epilogue, Event, Field, File, MultipartDecoder

from ml_training.api.request_body import read_chunk
from ml_training.api.request_schemas import UploadForm
from ml_training.domain.errors import BadRequest, FieldError, Invalid, WrongKind
from ml_training.domain.file_formats import FORMATS, format_of_name
from ml_training.domain.json_pointers import field_errors
from ml_training.storage.base import StoredObject

CHUNK_BYTES = 512 << 10
BUFFER_BYTES = 2 * CHUNK_BYTES  # what the decoder may hold: a part's headers, or text before the first boundary
LINE_BREAK = re.compile(rb"[\r\n]")
LINE_EXTRA_BYTES = 8  # of a boundary line: two line breaks and up to four dashes
MAX_PARTS = 20
FIELD_BYTES = 1 << 10
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
    file_format: str | None = None
    has_file: bool = False


def read_upload(stream: IO[bytes], boundary: bytes, store: Store) -> Upload:
    """Read a form of one file and small fields, in any order; `store(file_format, chunks)` takes the file's bytes.

    Raises BadRequest (not a form), TooLarge, WrongKind (a suffix that is not known), Invalid with every reason. After
    a wrong field the file is read but not stored, so that the fields after it are checked too.
    """
    parts = _Parts()
    events = _events(stream, boundary)
    for event in events:  # these include the bytes of files that are not stored
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
    """The format by the suffix of the file name; raises WrongKind for an unknown suffix."""
    file_format = format_of_name(filename)
    if file_format is None:
        raise WrongKind(f"the file's name must end in {', '.join(FORMATS)}: convert or rename the file")
    return file_format


def _take_file(parts: _Parts, event: File, chunks: Iterator[bytes], store: Store) -> None:
    is_expected = event.name == "file" and not parts.has_file
    if not is_expected:
        parts.errors.append(FieldError(f"/{event.name}", "only one file is read, and its field is named file"))
    parts.has_file |= event.name == "file"
    file_format = format_of(event.filename) if is_expected else ""
    parts.file_format = file_format or parts.file_format
    if is_expected and not _is_wrong_already(parts):
        _store_file(parts, file_format, chunks, store)


def _store_file(parts: _Parts, file_format: str, chunks: Iterator[bytes], store: Store) -> None:
    try:
        parts.file = file_format, store(file_format, chunks)
    except Invalid as error:  # the first bytes of the file are wrong: check the fields after it too
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
        parts.errors.append(FieldError(pointer, "is given twice: keep one"))
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
        raise BadRequest(f"{pointer} contains a NUL character: remove it")
    return text


def _form(parts: _Parts) -> tuple[UploadForm | None, tuple[FieldError, ...]]:
    """The form, and every error; the form is None when its fields are wrong."""
    errors = tuple(parts.errors)
    if not parts.has_file:
        errors += (FieldError("/file", "is missing: send the data as a file"),)
    try:
        form = UploadForm.model_validate(parts.fields)
    except ValidationError as error:
        return None, errors + field_errors(error, parts.fields)
    useless = () if parts.file_format is None else tuple(form.options().errors_for(parts.file_format))
    return form, errors + useless


def _is_wrong_already(parts: _Parts) -> bool:
    """Whether a field read so far is wrong; a missing field may still come."""
    _, errors = _form(parts)
    return bool(parts.errors) or any(error.pointer.removeprefix("/") in parts.fields for error in errors)


def _data(events: Iterator[Event]) -> Iterator[bytes]:
    """The bytes of the current part."""
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
        raise BadRequest("the form has too much text outside its parts") from None


def _pieces(stream: IO[bytes], line_bytes: int) -> Iterator[bytes]:
    """The stream, cut so that no piece ends inside a boundary line, which has at most `line_bytes` bytes.

    werkzeug 3.1 returns the line break before a boundary as data when it gets the boundary and one byte more.
    """
    buffered = b""
    while chunk := read_chunk(stream, CHUNK_BYTES):
        buffered += chunk
        line = LINE_BREAK.search(buffered, max(0, len(buffered) - line_bytes))
        cut = len(buffered) if line is None else line.start()
        if cut:
            yield buffered[:cut]
        buffered = buffered[cut:]
    if buffered:
        yield buffered
