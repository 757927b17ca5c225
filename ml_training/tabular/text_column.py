"""A column of a CSV file as text, cleaned and converted part by part, so that it is never in memory as a whole."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

NO_VALUE = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "none")
PART_BYTES = 256 << 10  # what one thread converts at a time, with all copies, fits into the cache of a core
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """The text as it is in the file, mapped from disk; `threads`: how many parts are converted at a time."""

    name: str
    text: Any  # ChunkedArray
    threads: int

    def __len__(self) -> int:
        return len(self.text)

    def parts(self, convert: Callable[[Any], Result]) -> Iterator[Result]:
        """What `convert` makes of each part, an Array of cleaned text, in order; raises what it raises."""
        groups = _groups(self.text.chunks)
        threads = min(self.threads, len(groups))

        def converted(group: list[Any]) -> Result:
            return convert(clean(group[0] if len(group) == 1 else pa.concat_arrays(group)))

        if threads == 1:
            yield from map(converted, groups)
            return
        waiting = deque[Future[Result]]()
        with ThreadPoolExecutor(threads) as pool:
            for group in groups:
                waiting.append(pool.submit(converted, group))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def cleaned(self) -> Any:
        """All of the text, as one ChunkedArray."""
        return pa.chunked_array(list(self.parts(lambda part: part)), pa.string())

    def first_value(self) -> str | None:
        """The first text that is not missing; None when all are."""
        for chunk in self.text.chunks:
            present = clean(chunk).drop_null()
            if len(present):
                return str(present[0].as_py())
        return None


def _groups(chunks: list[Any]) -> list[list[Any]]:
    """Consecutive chunks in groups of about PART_BYTES: a file with many columns has few rows in each chunk."""
    groups, used = list[list[Any]](), PART_BYTES
    for chunk in chunks:
        used += chunk.nbytes
        if used > PART_BYTES:
            groups.append([])
            used = chunk.nbytes
        groups[-1].append(chunk)
    return groups


def clean(text: Any) -> Any:
    """The text without surrounding spaces, with null for each word in NO_VALUE."""
    trimmed = pc.ascii_trim_whitespace(text)
    return pc.if_else(pc.is_in(trimmed, value_set=pa.array(NO_VALUE)), pa.scalar(None, pa.string()), trimmed)
