"""How many bytes a Feather file unpacks to, from its metadata: nothing is unpacked, and Arrow does not offer it.

Arrow's IPC file format (https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format): the footer at the end
lists the blocks of the batches; a block begins with a message that lists the buffers; a compressed buffer begins with
its length when it is unpacked, -1 if it is stored as it is. Footer and messages are FlatBuffers tables
(https://flatbuffers.dev/internals): a table begins with the distance back to its vtable, which has the
place of each field.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"ARROW1"
INT16, INT32, UINT32, INT64 = (struct.Struct(f"<{code}") for code in "hiIq")
BLOCK = struct.Struct("<qi4xq")  # offset, size of the message with its head, size of the body
BUFFER = struct.Struct("<qq")  # offset in the body, length
CONTINUED = 0xFFFFFFFF  # before the size of a message
FOOTER_DICTIONARIES, FOOTER_BATCHES = 2, 3  # fields of Footer in File.fbs
MESSAGE_KIND, MESSAGE_HEADER = 1, 2  # of Message in Message.fbs
DICTIONARY_BATCH = 2  # a kind of message; the batch is its field 1
BATCH_BUFFERS, BATCH_COMPRESSION = 2, 3  # of RecordBatch


class NotSound(Exception):
    """The metadata do not fit together."""


def unpacked_sizes(path: Path) -> Iterator[int]:
    """For each batch the bytes of its buffers when they are unpacked; raises NotSound."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield from _sizes(content)
    except (struct.error, ValueError, OverflowError) as error:
        raise NotSound(str(error)) from None


def _sizes(content: mmap.mmap) -> Iterator[int]:
    end = len(content) - len(MAGIC) - INT32.size
    if end < 0 or content[-len(MAGIC) :] != MAGIC:
        raise NotSound("the end is missing")
    footer = _Table.root(content, end - INT32.unpack_from(content, end)[0])
    for field in (FOOTER_DICTIONARIES, FOOTER_BATCHES):
        for at in footer.vector(field, BLOCK.size):
            yield _size(content, *BLOCK.unpack_from(content, at))


def _size(content: mmap.mmap, offset: int, message_bytes: int, body_bytes: int) -> int:
    begin = _inside(content, offset)
    has_mark = UINT32.unpack_from(content, begin)[0] == CONTINUED
    message = _Table.root(content, begin + (8 if has_mark else 4))
    batch = message.table(MESSAGE_HEADER)
    if message.byte(MESSAGE_KIND) == DICTIONARY_BATCH and batch is not None:
        batch = batch.table(1)
    if batch is None:
        return 0
    body, total = begin + message_bytes, 0
    for at in batch.vector(BATCH_BUFFERS, BUFFER.size):
        start, length = BUFFER.unpack_from(content, at)
        if length > 0:
            total += _unpacked(content, body + start, length) if batch.has(BATCH_COMPRESSION) else length
    return total


def _unpacked(content: mmap.mmap, at: int, length: int) -> int:
    size = INT64.unpack_from(content, _inside(content, at))[0]
    return length if size < 0 else int(size)


def _inside(content: mmap.mmap, at: int) -> int:
    if not 0 <= at < len(content):
        raise NotSound("a position is outside of the file")
    return at


@dataclass(frozen=True, slots=True)
class _Table:
    """A FlatBuffers table; fields are counted from 0."""

    content: mmap.mmap
    at: int

    @classmethod
    def root(cls, content: mmap.mmap, at: int) -> "_Table":
        """The table that a FlatBuffer at this place begins with."""
        return cls(content, _inside(content, at + UINT32.unpack_from(content, _inside(content, at))[0]))

    def has(self, field: int) -> bool:
        """Whether the field is there."""
        return self._place(field) is not None

    def byte(self, field: int) -> int:
        """A field of one byte; 0 when it is not there."""
        place = self._place(field)
        return 0 if place is None else self.content[place]

    def table(self, field: int) -> "_Table | None":
        """A field that is a table."""
        place = self._place(field)
        return None if place is None else _Table.root(self.content, place)

    def vector(self, field: int, item_bytes: int) -> range:
        """The places of the items of a field that is a vector."""
        place = self._place(field)
        if place is None:
            return range(0)
        begin = _inside(self.content, place + UINT32.unpack_from(self.content, place)[0])
        count = UINT32.unpack_from(self.content, begin)[0]
        if begin + 4 + count * item_bytes > len(self.content):
            raise NotSound("a list is longer than the file")
        return range(begin + 4, begin + 4 + count * item_bytes, item_bytes)

    def _place(self, field: int) -> int | None:
        vtable = _inside(self.content, self.at - INT32.unpack_from(self.content, self.at)[0])
        if 4 + 2 * field >= INT16.unpack_from(self.content, vtable)[0]:
            return None
        offset = INT16.unpack_from(self.content, vtable + 4 + 2 * field)[0]
        return _inside(self.content, self.at + offset) if offset else None
