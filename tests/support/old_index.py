"""Writes an index as older versions did: format 2, a directory with a file for each array, in wide types."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ml_training.selection.index import ORDER, STARTS, TIMES, SelectionIndex


def write_format_2(directory: Path, source: SelectionIndex) -> SelectionIndex:
    """The data of `source` in the old format, in an empty directory."""
    columns: list[dict[str, Any]] = []
    for number, (name, info) in enumerate(source.columns.items()):
        item = {"name": name, "kind": info.kind.value, "nulls": info.nulls, "varies": info.varies}
        if info.file is not None:
            item["file"] = f"{number:05}.npy"
            np.save(directory / f"{number:05}.npy", source.values(name))
        if info.categories_file is not None:
            item |= {"categories_file": f"{number:05}.json", "categories_count": info.categories_count}
            (directory / f"{number:05}.json").write_text(json.dumps(source.categories(name), ensure_ascii=False))
        columns.append(item)
    if source.time_column is not None:
        history = source.history()
        for file, values in ((ORDER, history.order), (STARTS, history.starts), (TIMES, history.times)):
            np.save(directory / file, values)
    roles = {role: getattr(source, role) for role in ("time_column", "phase_column", "group_column")}
    manifest = {"version": 2, "rows": source.rows, **roles, "columns": columns}
    (directory / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False))
    return SelectionIndex.open(directory)
