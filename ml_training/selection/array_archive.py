"""A file of named arrays and texts: a zip archive without compression, read with one open and one memory map.

Every array is a `.npy` member whose values begin at a multiple of 64 bytes of the file, so that they can be mapped as
they are. The member `manifest.json` says where each array and text is, and the comment of the archive says where the
manifest is: reading needs no search. Any tool that reads zip files can read it too; `numpy.load` gives the arrays by
name. Equal content gives equal bytes.
"""

import json
import mmap
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, Protocol
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

ALIGNMENT = 64  # bytes: a line of the processor's cache, and the widest vector register
MANIFEST = "manifest.json"
FOOTER = re.compile(rb"manifest (\d{20}) (\d{20})")  # where the manifest begins, and its size; the archive's comment
FOOTER_BYTES = 50
PADDING = 0xD935  # the id of the extra field that aligns a member, as in Android's zipalign
LOCAL_HEADER, ZIP64, EXTRA = 30, 20, 4  # bytes of a local header, its ZIP64 field, and the head of an extra field


class Arrays(Protocol):
    """Named arrays and texts of a data set, for reading, and the manifest that describes them."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What was written last."""

    def array(self, name: str) -> NDArray[Any]:
        """A read-only array, mapped from its file; raises KeyError when there is none of that name."""

    def text(self, name: str) -> bytes:
        """A text; raises KeyError when there is none of that name."""

    def release(self) -> None:
        """Give back the memory of what was read; arrays stay valid: their values are read again from the file."""


@dataclass(frozen=True, slots=True, eq=False)
class ArrayArchive:
    """An archive that was written by `ArchiveWriter`, mapped into memory; its content is immutable."""

    content: mmap.mmap
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path) -> "ArrayArchive":
        """Map the file; raises OSError when it cannot be read, ValueError when it is not such an archive."""
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        found = FOOTER.fullmatch(content[-FOOTER_BYTES:])
        if found is None:
            raise ValueError(f"{path.name} is not an index: it is cut off, or it was written by something else")
        start, size = (int(number) for number in found.groups())
        return cls(content, json.loads(content[start : start + size]))

    def array(self, name: str) -> NDArray[Any]:
        """See Arrays; raises ValueError when the file is cut off."""
        dtype, offset, count = self.manifest["arrays"][name]
        return np.frombuffer(self.content, dtype=dtype, count=count, offset=offset)

    def text(self, name: str) -> bytes:
        """See Arrays."""
        offset, size = self.manifest["texts"][name]
        return self.content[offset : offset + size]

    def release(self) -> None:
        """See Arrays; the pages stay in the cache of the operating system as long as it has room."""
        self.content.madvise(mmap.MADV_DONTNEED)


@dataclass(slots=True)
class ArchiveWriter:
    """Writes an archive, one member after another; made by `new_archive`."""

    archive: ZipFile
    path: Path
    arrays: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    texts: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add_array(self, name: str, parts: Iterable[NDArray[Any]], *, dtype: np.dtype[Any], count: int) -> None:
        """Write an array of one dimension and `count` values, which come in parts of any type that fits `dtype`."""
        head = _npy_head(dtype, count)
        content = (np.ascontiguousarray(part, dtype=dtype).view(np.uint8).data for part in parts)
        start = self._write(name, chain([head], content))
        self.arrays[name] = (dtype.str, start + len(head), count)

    def add_text(self, name: str, text: bytes) -> None:
        """Write a text."""
        self.texts[name] = (self._write(name, [text]), len(text))

    def written(self, name: str) -> NDArray[Any]:
        """An array that has been added, mapped from the unfinished file."""
        dtype, offset, count = self.arrays[name]
        if not count:
            return np.zeros(0, dtype=dtype)
        self._file.flush()
        return np.memmap(self.path, dtype=dtype, mode="r", offset=offset, shape=(count,))

    def add_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the last member: the manifest, to which the places of all members are added."""
        text = to_json({**manifest, "arrays": self.arrays, "texts": self.texts})
        start = self._write(MANIFEST, [text])
        self.archive.comment = b"manifest %020d %020d" % (start, len(text))

    @property
    def _file(self) -> Any:
        return self.archive.fp

    def _write(self, name: str, parts: Iterable[bytes | memoryview]) -> int:
        """Write a member whose content begins at a multiple of ALIGNMENT; returns where it begins in the file."""
        member = ZipInfo(name)  # its time is fixed: equal content gives equal bytes
        begin = self._file.tell() + LOCAL_HEADER + len(name.encode()) + ZIP64 + EXTRA
        padding = -begin % ALIGNMENT
        member.extra = PADDING.to_bytes(2, "little") + padding.to_bytes(2, "little") + bytes(padding)
        with self.archive.open(member, "w", force_zip64=True) as target:
            start = int(self._file.tell())
            for part in parts:
                target.write(part)
        return start


@contextmanager
def new_archive(path: Path) -> Iterator[ArchiveWriter]:
    """The writer of a new file, which is complete at the end of the block; the last call is `add_manifest`."""
    with path.open("xb") as file:
        archive = ZipFile(file, "w", ZIP_STORED)
        try:
            yield ArchiveWriter(archive, path)
        except BaseException:  # passed on: the file is only given up
            archive.fp = None  # otherwise its destructor would write to the closed file
            raise
        archive.close()


def to_json(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _npy_head(dtype: np.dtype[Any], count: int) -> bytes:
    """The head of a `.npy` file of `count` values; its length is a multiple of ALIGNMENT."""
    head = BytesIO()
    npy.write_array_header_1_0(head, {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": (count,)})
    return head.getvalue()
