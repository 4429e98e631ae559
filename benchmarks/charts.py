"""Charts as SVG files, drawn from figures: bars and lines, without scripts, in light and dark.

They are read beside a table that says the same, so a chart's text is its title and its labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_WIDTH = 720
_LEFT, _RIGHT, _TOP, _BOTTOM = 240, 90, 44, 24
_ROW = 30
_PLOT_HEIGHT = 240
_STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2937; }
.title { font-size: 15px; font-weight: 600; }
.faint { fill: #6b7280; }
.axis { stroke: #9ca3af; stroke-width: 1; }
.ours { fill: #2563eb; stroke: #2563eb; }
.other { fill: #9ca3af; stroke: #9ca3af; }
.line { fill: none; stroke-width: 2; }
.dashed { stroke-dasharray: 5 4; }
@media (prefers-color-scheme: dark) {
  text { fill: #e5e7eb; }
  .faint { fill: #9ca3af; }
  .ours { fill: #60a5fa; stroke: #60a5fa; }
  .line { fill: none; }
}
</style>"""


def bars(
    title: str, values: Mapping[str, float], unit: str, ours: Sequence[str] = ("ours",)
) -> str:
    """A bar for each value, in their order."""
    most = max(values.values(), default=0.0) or 1.0
    height = _TOP + _ROW * len(values) + _BOTTOM
    parts = []
    for place, (name, value) in enumerate(values.items()):
        y = _TOP + _ROW * place
        length = max(1.0, (_WIDTH - _LEFT - _RIGHT) * value / most)
        kind = "ours" if name in ours else "other"
        parts += [
            _text(_LEFT - 8, y + 15, name, "end"),
            f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{length:.1f}" height="20" rx="2"/>',
            _text(_LEFT + length + 6, y + 15, f"{shown(value)} {unit}"),
        ]
    return _document(title, height, parts)


def line(title: str, curve: Sequence[tuple[float, float]], x: str, y: str) -> str:
    """A curve over logarithmic axes, beside the straight line of what grows as much as x does."""
    first = curve[0]
    linear = [(each, first[1] * each / first[0]) for each, _ in curve]
    across = _Scale([each for each, _ in curve], _LEFT, _WIDTH - _RIGHT)
    up = _Scale([each for _, each in (*curve, *linear)], _TOP + _PLOT_HEIGHT, _TOP + _ROW)
    bottom, right = _TOP + _PLOT_HEIGHT, _WIDTH - _RIGHT
    parts = [
        f'<path class="axis line" d="M{_LEFT} {_TOP + _ROW}V{bottom}H{right}"/>',
        _text(_LEFT - 8, _TOP + _ROW + 4, y, "end", "faint"),
        _text(right + 8, bottom + 4, x, "start", "faint"),
        _text(_LEFT, _TOP + 8, "measured; dashed: in proportion to the first", "start", "faint"),
    ]
    for kind, points in (("other line dashed", linear), ("ours line", curve)):
        path = "L".join(f"{across.place(a):.1f} {up.place(b):.1f}" for a, b in points)
        parts.append(f'<path class="{kind}" d="M{path}"/>')
    for a, b in curve:
        at = across.place(a)
        parts += [
            f'<circle class="ours" cx="{at:.1f}" cy="{up.place(b):.1f}" r="3"/>',
            _text(at, up.place(b) - 8, shown(b), "middle"),
            _text(at, bottom + 18, shown(a), "middle", "faint"),
        ]
    return _document(title, bottom + 2 * _BOTTOM, parts)


class _Scale:
    """Where a value stands between two places, by its logarithm."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, high = math.log(min(values)), math.log(max(values))
        self._start, self._end = start, end
        self._width = high - self._low or 1.0

    def place(self, value: float) -> float:
        """The coordinate."""
        return self._start + (self._end - self._start) * (math.log(value) - self._low) / self._width


def shown(value: float) -> str:
    """Three digits, with separators for thousands."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _document(title: str, height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'width="{_WIDTH}" height="{height}">'
    )
    named = f"<title>{escape(title)}</title>"
    heading = f'<text class="title" x="8" y="22">{escape(title)}</text>'
    return "\n".join([head, named, _STYLE, heading, *parts, "</svg>", ""])
