"""Opens a text file or workbook as the text of a CSV file, as often as it is parsed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ml_training.domain.file_formats import GZIP, JSON_FORMATS
from ml_training.domain.file_options import FileOptions
from ml_training.domain.limits import Limits
from ml_training.tabular import workbook
from ml_training.tabular.csv_text import checked_pieces, first_bytes, plain_text
from ml_training.tabular.encodings import UTF_8, WINDOWS_1252, Transcoder
from ml_training.tabular.ingest_result import Rejected
from ml_training.tabular.json_lines import as_csv, json_columns, looks_like_json_lines
from ml_training.tabular.layout import Layout, read_layout
from ml_training.tabular.table import FileFacts


def open_source(
    path: Path, file_format: str, *, options: FileOptions, limits: Limits, consumed: Callable[[float], None]
) -> "TextSource":
    """The source of a file; raises Rejected if its first bytes show another kind of file."""
    if file_format == "xlsx":
        workbook.check_archive(path, limits=limits)
        return TextSource(path, file_format, options, limits, consumed, Transcoder(UTF_8, is_guess=False))
    head = first_bytes(path, file_format)
    if file_format not in JSON_FORMATS and looks_like_json_lines(head):
        file_format = "jsonl" + (GZIP if file_format.endswith(GZIP) else "")
    return TextSource(path, file_format, options, limits, consumed, plain_text(head, options.encoding))


@dataclass(slots=True)
class TextSource:
    """A file that may be parsed several times. `exact_points`: the positions of columns with fractions as numbers."""

    path: Path
    file_format: str
    options: FileOptions
    limits: Limits
    consumed: Callable[[float], None]
    text: Transcoder
    text_fault: Rejected | None = None  # does not depend on how the text is parsed
    furthest: float = 0.0
    exact_points: set[int] = field(default_factory=set)
    json_names: list[str] | None = None

    @property
    def has_separator(self) -> bool:
        """Whether the user wrote the separator, not a reader of this package."""
        return self.file_format not in JSON_FORMATS and self.file_format != "xlsx"

    def open(self) -> tuple[Layout, Iterator[bytes]]:
        """The layout, and the text after the header."""
        if self.file_format in JSON_FORMATS:
            return self._open_json()
        if self.file_format == "xlsx":
            rows = workbook.sheet_as_csv(
                self.path,
                self.options.sheet,
                limits=self.limits,
                consumed=self._forward,
                numbers=self.exact_points,
            )
            options = self.options.model_copy(update={"separator": ","})
            return read_layout(self._noting_faults(rows), options, limits=self.limits)
        return read_layout(self._pieces(), self.options, limits=self.limits)

    def windows_1252(self) -> "TextSource | None":
        """The same file, read as Windows-1252; None if the user said what its encoding is."""
        if self.options.encoding is not None or self.text.encoding != UTF_8:
            return None
        return replace(self, text=Transcoder(WINDOWS_1252, is_guess=True), text_fault=None)

    def facts(self) -> FileFacts:
        """What is known about the file once it has been read."""
        if self.file_format == "xlsx":
            sheets = workbook.sheet_names(self.path)
            return FileFacts("xlsx", sheet=self.options.sheet or sheets[0], sheets=tuple(sheets))
        example = self.text.example if self.text.is_guess else None
        return FileFacts(self.file_format, encoding=self.text.encoding, encoding_example=example)

    def _open_json(self) -> tuple[Layout, Iterator[bytes]]:
        if self.json_names is None:
            self.json_names = json_columns(self._pieces(), limits=self.limits)
        rows = as_csv(self._pieces(), self.json_names, self.exact_points)
        return Layout(tuple(self.json_names), ",", None, 1), self._noting_faults(rows)

    def _pieces(self) -> Iterator[bytes]:
        self.text = Transcoder(self.text.encoding, is_guess=self.text.is_guess)
        return self._noting_faults(
            checked_pieces(self.path, self.file_format, limits=self.limits, consumed=self._forward, text=self.text)
        )

    def _noting_faults(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except Rejected as fault:
            self.text_fault = fault
            raise

    def _forward(self, share: float) -> None:
        """Progress never falls."""
        self.furthest = max(self.furthest, share)
        self.consumed(self.furthest)
