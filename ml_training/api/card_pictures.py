"""Small pictures for the card of a model, as SVG inside HTML: no script, nothing from elsewhere, every text escaped."""

from collections.abc import Sequence
from html import escape

WIDTH, BAR, LABEL = 640, 18, 220
SIZE, MARGIN = 240, 34
LONGEST = 34  # characters of a label
COLOURS = ("#2f6f9f", "#c0504d", "#5b8c3a", "#8064a2")
Points = Sequence[tuple[float, float]]


def bars(rows: Sequence[tuple[str, float]], *, title: str) -> str:
    """A horizontal bar for each (label, value); negative values have none."""
    largest = max([value for _, value in rows] + [0.0]) or 1.0
    space = WIDTH - LABEL - 80
    lines = []
    for number, (label, value) in enumerate(rows):
        y, length = number * (BAR + 4), max(0.0, value) / largest * space
        lines.append(
            f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(_short(label))}</text>'
            f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{COLOURS[0]}"/>'
            f'<text x="{LABEL + length + 6:.1f}" y="{y + 13}">{value:.4g}</text>'
        )
    return _svg(WIDTH, max(1, len(rows)) * (BAR + 4), "".join(lines), title)


def lines(series: Sequence[tuple[str, Points]], *, title: str, x: str, y: str, diagonal: bool = False) -> str:
    """A line for each (name, points), over common axes."""
    points = [point for _, line in series for point in line]
    if not points:
        return ""
    left, right = _range([at for at, _ in points])
    low, high = _range([value for _, value in points])

    def place(at: float, value: float) -> str:
        across = MARGIN + (at - left) / (right - left) * (SIZE - MARGIN - 8)
        down = SIZE - MARGIN - (value - low) / (high - low) * (SIZE - MARGIN - 8)
        return f"{across:.1f},{down:.1f}"

    drawn = [_axes(left, right, low, high, x, y)]
    if diagonal:
        ends = place(left, low), place(right, high)
        drawn.append(f'<polyline points="{" ".join(ends)}" fill="none" stroke="#999999" stroke-dasharray="4"/>')
    for number, (name, line) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(place(at, value) for at, value in line)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if len(series) > 1:
            text = f'<text x="{SIZE - 10}" y="{16 + 14 * number}" text-anchor="end" fill="{colour}">'
            drawn.append(f"{text}{escape(_short(name))}</text>")
    return _svg(SIZE, SIZE, "".join(drawn), title)


def _axes(left: float, right: float, low: float, high: float, x: str, y: str) -> str:
    base = SIZE - MARGIN
    return (
        f'<path d="M{MARGIN},8V{base}H{SIZE - 8}" fill="none" stroke="#666666"/>'
        f'<text x="{MARGIN}" y="{base + 14}">{left:.3g}</text>'
        f'<text x="{SIZE - 8}" y="{base + 14}" text-anchor="end">{right:.3g}</text>'
        f'<text x="{MARGIN - 4}" y="{base}" text-anchor="end">{low:.3g}</text>'
        f'<text x="{MARGIN - 4}" y="16" text-anchor="end">{high:.3g}</text>'
        f'<text x="{(SIZE + MARGIN) // 2}" y="{base + 28}" text-anchor="middle">{escape(_short(x))}</text>'
        f'<text x="{MARGIN + 6}" y="16">{escape(_short(y))}</text>'
    )


def _svg(width: int, height: int, content: str, title: str) -> str:
    label = escape(title, quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">{content}</svg>'
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
