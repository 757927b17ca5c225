"""One form for equal content: archives whose bytes depend on what is inside and on nothing else."""

import io
import json
import re
from collections.abc import Mapping
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that the format knows
LEVEL = 1  # trees shrink to a quarter; more effort gains a tenth and costs three times as long
SCHEMA = "schema.json"
ROUND_TRIP = re.compile(r"\nparameters:.*?\nend of parameters\n", re.DOTALL)


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


def canonical_skops(dump: bytes) -> bytes:
    """The same skops archive without traces of the process that wrote it.

    skops names objects and files after memory addresses; here they are numbered in the order of their first use.
    """
    with ZipFile(io.BytesIO(dump)) as source:
        schema = json.loads(source.read(SCHEMA))
        numbers: dict[int, int] = {}
        files: dict[str, str] = {}
        _renumber(schema, numbers, files)
        members = {SCHEMA: json.dumps(schema, separators=(",", ":")).encode()}
        members |= {new: source.read(old) for old, new in files.items()}
    return archive(members)


def canonical_lightgbm(text: str) -> bytes:
    """LightGBM's text without its block of parameters: the number of threads stands there, and nothing needs it."""
    return ROUND_TRIP.sub("\n", text, count=1).encode()


def _renumber(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("__id__"), int):
            _rename(node, numbers, files)
        for child in node.values():
            _renumber(child, numbers, files)
    elif isinstance(node, list):
        for child in node:
            _renumber(child, numbers, files)


def _rename(node: dict[str, Any], numbers: dict[int, int], files: dict[str, str]) -> None:
    if node.get("__loader__") in {"JsonNode", "TypeNode"}:
        del node["__id__"]  # constants: whether two of them are one object is the interpreter's affair
    else:
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
    if isinstance(node.get("file"), str):
        node["file"] = files.setdefault(node["file"], f"{len(files)}.npy")
