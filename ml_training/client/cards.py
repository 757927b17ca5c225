"""The card of a model, for a notebook or as a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known about a model; data: as the service answers it (docs/explain.md), html: one page."""

    data: Mapping[str, Any]
    html: str = field(repr=False)

    def save(self, path: str | Path | None = None) -> Path:
        """Write the page; path: a file or a directory, default `<name>-<version>.html` here."""
        target = Path(path or ".").expanduser()
        if target.is_dir():
            target /= f"{self.data['name']}-{self.data['version']}.html"
        target.write_text(self.html, encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        # A page of its own inside the notebook: its style must not change the notebook.
        page = escape(self.html, quote=True)
        return f'<iframe srcdoc="{page}" sandbox width="100%" height="600"></iframe>'
