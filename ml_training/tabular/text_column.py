"""A column of text, cleaned and converted part by part, so that it is never in memory as a whole."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml_training.inference.missing_words import NO_VALUE

PART_BYTES = 256 << 10  # what one thread converts at a time, with all copies, fits into the cache of a core
Result = TypeVar("Result")
Change = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """The text as it is in the file, mapped from disk; `threads`: how many parts are converted at a time.

    `missing`: the words that mean a missing value. `change`: what is done to each part after it is cleaned.
    `words`: how often each of them occurred, once `parts` has come to its end.
    """

    name: str
    text: Any  # ChunkedArray
    threads: int
    missing: Sequence[str] = NO_VALUE
    change: Change | None = None
    words: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.text)

    def with_missing(self, words: Sequence[str]) -> "TextColumn":
        """The column with these words for a missing value."""
        return replace(self, missing=words, words=Counter())

    def changed(self, change: Change) -> "TextColumn":
        """The column with its cleaned parts changed."""
        return replace(self, change=change, words=Counter())

    def parts(self, convert: Callable[[Any], Result]) -> Iterator[Result]:
        """What `convert` makes of each part, an Array of cleaned text, in order; raises what it raises."""
        groups = _groups(self.text.chunks)
        threads = min(self.threads, len(groups))
        self.words.clear()

        def converted(group: list[Any]) -> tuple[Result, Counter[str]]:
            words: Counter[str] = Counter()
            part = self.clean(group[0] if len(group) == 1 else pa.concat_arrays(group), words)
            return convert(part if self.change is None else self.change(part)), words

        for result, words in _in_order(converted, groups, threads):
            self.words.update(words)
            yield result

    def filled(self, dtype: np.dtype[Any], convert: Callable[[Any], NDArray[Any]]) -> NDArray[Any]:
        """What `convert` makes of all parts in one array; raises what it raises."""
        values, at = np.empty(len(self), dtype=dtype), 0
        for part in self.parts(convert):
            values[at : at + len(part)] = part
            at += len(part)
        return values

    def cleaned(self) -> Any:
        """All of the text, as one ChunkedArray."""
        return pa.chunked_array(list(self.parts(lambda part: part)), pa.string())

    def first_value(self) -> str | None:
        """The first text that is not missing; None when all are."""
        for chunk in self.text.chunks:
            present = self.clean(chunk, Counter()).drop_null()
            if len(present):
                return str(present[0].as_py())
        return None

    def first_rows(self, is_wanted: Callable[[Any], Any], *, at_most: int) -> list[tuple[int, str]]:
        """(position, text) of the first values for which `is_wanted` gives true for their part."""
        found: list[tuple[int, str]] = []
        at = 0
        for part in self.parts(lambda part: part):
            wanted = is_wanted(part).fill_null(False).to_numpy(zero_copy_only=False).nonzero()[0]
            found += [(at + int(place), part[int(place)].as_py()) for place in wanted[: at_most - len(found)]]
            if len(found) >= at_most:
                break
            at += len(part)
        return found

    def clean(self, text: Any, words: Counter[str]) -> Any:
        """The text without surrounding spaces, with null for each missing word; `words` counts these."""
        trimmed = pc.ascii_trim_whitespace(text)
        missing = pa.array(self.missing, pa.string())
        lengths = pc.binary_length(missing)  # a tenth of the time: most values are longer than the words
        if not pc.any(pc.is_in(pc.binary_length(trimmed), value_set=lengths)).as_py():
            return trimmed
        is_missing = pc.is_in(trimmed, value_set=missing)
        if not pc.any(is_missing).as_py():
            return trimmed
        for found in pc.value_counts(trimmed.filter(is_missing)):
            words[found["values"].as_py()] += found["counts"].as_py()
        return pc.if_else(is_missing, pa.scalar(None, pa.string()), trimmed)


def _in_order(convert: Callable[[list[Any]], Result], groups: list[list[Any]], threads: int) -> Iterator[Result]:
    if threads <= 1:
        yield from map(convert, groups)
        return
    waiting = deque[Future[Result]]()
    with ThreadPoolExecutor(threads) as pool:
        for group in groups:
            waiting.append(pool.submit(convert, group))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


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
