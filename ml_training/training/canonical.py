"""Writes archives and models in a canonical form: equal content gives equal bytes."""

import io
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zipfile import ZIP64_LIMIT, ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import skops
import skops.io  # its import registers how each type is written
from skops.io._protocol import PROTOCOL
from skops.io._utils import SaveContext, get_state

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time in a zip file
LEVEL = 1  # trees shrink to a quarter; higher levels save another tenth and take three times as long
SCHEMA = "schema.json"
PARAMETERS = re.compile(r"\nparameters:.*?\nend of parameters\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Deflated:
    """A compressed member of an archive; compressed at once, so that a large model is in memory once, and not twice."""

    data: bytes
    size: int
    crc: int

    @classmethod
    def of(cls, body: bytes | memoryview) -> "_Deflated":
        """As `ZipFile.writestr` compresses."""
        compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        return cls(compressor.compress(body) + compressor.flush(), len(body), zlib.crc32(body))


def archive(members: Mapping[str, bytes]) -> bytes:
    """A zip file of the members in this order, with fixed times, owner and compression."""
    return _archive({name: _Deflated.of(body) for name, body in members.items()})


def _archive(members: Mapping[str, _Deflated]) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as target:
        for name, member in members.items():
            _add(target, name, member)
    return buffer.getvalue()


def _add(target: Any, name: str, member: _Deflated) -> None:
    """Add a member that is compressed already; the library can do that only with directories, `ZipFile.mkdir`.

    The bytes are those of `ZipFile.writestr`; the tests compare them.
    """
    info = ZipInfo(name, EPOCH)
    info.create_system = 3  # Unix, on every system
    info.external_attr = 0o600 << 16
    info.compress_type = ZIP_DEFLATED
    info.CRC, info.compress_size, info.file_size = member.crc, len(member.data), member.size
    info.header_offset = target.fp.tell()
    target.fp.write(info.FileHeader(member.size * 1.05 > ZIP64_LIMIT))
    target.fp.write(member.data)
    target.start_dir = target.fp.tell()
    target.filelist.append(info)
    target.NameToInfo[name] = info
    target._didModify = True  # otherwise an archive is not finished when it is closed


class _Members(dict[str, _Deflated]):
    """The part of ZipFile that skops writes to, in memory, with a name list that is fast to search."""

    def namelist(self) -> "_Members":
        """The names of the members."""
        return self

    def writestr(self, name: str, body: bytes | memoryview) -> None:
        """Add a member."""
        self[name] = _Deflated.of(_without_gaps(body) if name.endswith(".npy") else body)


def _without_gaps(array: bytes | memoryview) -> bytes | memoryview:
    """An array file with zeros between the fields of its records; tree nodes leave random memory there."""
    values = np.load(io.BytesIO(array), allow_pickle=False)
    if values.dtype.names is None:
        return array
    clean = np.zeros(values.shape, values.dtype)
    for name in values.dtype.names:
        clean[name] = values[name]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getbuffer()


def canonical_skops(model: object) -> bytes:
    """A skops archive, as `skops.io.dumps` makes it, but independent of the process that writes it.

    skops names objects and files after memory addresses; here they are numbered in the order of their first use. Its
    own writer also searches a list for every name and indents the schema: 24 s for 5,000 trees instead of 2 s here.
    """
    written = _Members()
    schema = get_state(model, SaveContext(zip_file=written))
    schema |= {"protocol": PROTOCOL, "_skops_version": skops.__version__}
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}
    _renumber(schema, numbers, files)
    members = {SCHEMA: _Deflated.of(json.dumps(schema, separators=(",", ":")).encode())}
    return _archive(members | {new: written[old] for old, new in files.items()})


def canonical_lightgbm(text: str) -> bytes:
    """LightGBM's text without its block of parameters, which holds the number of threads and is not needed."""
    return PARAMETERS.sub("\n", text, count=1).encode()


def _renumber(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("__id__"), int):
            _rename(node, numbers, files)
        for child in node.values():
            _renumber(child, numbers, files)
    elif isinstance(node, list | tuple):
        for child in node:
            _renumber(child, numbers, files)


def _rename(node: dict[str, Any], numbers: dict[int, int], files: dict[str, str]) -> None:
    if node.get("__loader__") in {"JsonNode", "TypeNode"}:
        del node["__id__"]  # constants: the interpreter decides whether two equal ones are one object
    else:
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
    if isinstance(node.get("file"), str):
        node["file"] = files.setdefault(node["file"], f"{len(files)}.npy")
