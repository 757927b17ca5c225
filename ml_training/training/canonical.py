"""One form for equal content: archives whose bytes depend on what is inside and on nothing else."""

import io
import json
import re
from collections.abc import Mapping
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import skops
import skops.io  # its import registers how each type is written
from skops.io._protocol import PROTOCOL
from skops.io._utils import SaveContext, get_state

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that the format knows
LEVEL = 1  # trees shrink to a quarter; more effort gains a tenth and costs three times as long
SCHEMA = "schema.json"
PARAMETERS = re.compile(r"\nparameters:.*?\nend of parameters\n", re.DOTALL)


def archive(members: Mapping[str, bytes]) -> bytes:
    """A zip file of the members in this order, with fixed times, owner and compression."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as target:
        for name, body in members.items():
            info = ZipInfo(name, EPOCH)
            info.create_system = 3  # Unix, wherever it is written
            info.external_attr = 0o600 << 16
            target.writestr(info, body, compress_type=ZIP_DEFLATED, compresslevel=LEVEL)
    return buffer.getvalue()


class _Members(dict[str, bytes]):
    """As much of a zip file as skops writes to, in memory and with a name list that is quick to search."""

    def namelist(self) -> "_Members":
        """The names of the members."""
        return self

    def writestr(self, name: str, body: bytes | memoryview) -> None:
        """Add a member."""
        self[name] = _without_gaps(bytes(body)) if name.endswith(".npy") else bytes(body)


def _without_gaps(array: bytes) -> bytes:
    """An array file with zeros between the fields of its records: tree nodes leave there what was in memory."""
    values = np.load(io.BytesIO(array), allow_pickle=False)
    if values.dtype.names is None:
        return array
    clean = np.zeros(values.shape, values.dtype)
    for name in values.dtype.names:
        clean[name] = values[name]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def canonical_skops(model: object) -> bytes:
    """A skops archive, as `skops.io.dumps` makes one, without traces of the process that wrote it.

    skops names objects and files after memory addresses; here they are numbered in the order of their first use. Its
    own writer also looks every name up in a list and indents the schema: 24 s for 5,000 trees, against 2 s here.
    """
    written = _Members()
    schema = get_state(model, SaveContext(zip_file=written))
    schema |= {"protocol": PROTOCOL, "_skops_version": skops.__version__}
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}
    _renumber(schema, numbers, files)
    members = {SCHEMA: json.dumps(schema, separators=(",", ":")).encode()}
    return archive(members | {new: written[old] for old, new in files.items()})


def canonical_lightgbm(text: str) -> bytes:
    """LightGBM's text without its block of parameters: the number of threads stands there, and nothing needs it."""
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
        del node["__id__"]  # constants: whether two of them are one object is the interpreter's affair
    else:
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
    if isinstance(node.get("file"), str):
        node["file"] = files.setdefault(node["file"], f"{len(files)}.npy")
