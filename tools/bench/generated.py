"""The generated table of the large stories: 30 numbers with six decimals and a column `target` of two classes."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

FEATURES = 30
CHUNK_ROWS = 500_000


def make_table(rows: int, seed: int) -> pa.Table:
    """Normal numbers; the target depends on five of them, with noise."""
    random = np.random.default_rng(seed)
    columns = [np.round(random.normal(size=rows), 6) for _ in range(FEATURES)]
    signal = columns[0] + columns[1] * columns[2] + np.abs(columns[3]) - 0.5 * columns[4] ** 2
    target = (signal + random.normal(size=rows) > 0).astype(np.int8)
    return pa.table({**{f"x{at}": column for at, column in enumerate(columns)}, "target": target})


def write_csv(path: Path, *, rows: int, seed: int) -> Path:
    """About 290 bytes a row."""
    pyarrow.csv.write_csv(make_table(rows, seed), path)
    return path


def write_parquet(path: Path, *, rows: int, seed: int) -> Path:
    """The same numbers as float32, in bounded memory."""
    schema = pa.schema([*((f"x{at}", pa.float32()) for at in range(FEATURES)), ("target", pa.int8())])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for part, first in enumerate(range(0, rows, CHUNK_ROWS)):
            writer.write_table(make_table(min(CHUNK_ROWS, rows - first), seed + part).cast(schema, safe=False))
    return path
