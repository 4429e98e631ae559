"""Charts as SVG files, drawn from figures: bars and lines, without scripts, in light and dark.

They are read beside a table that says the same, so a chart's text is its title and its labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_WIDTH = 720
_LEFT, _RIGHT, _TOP, _BOTTOM = 190, 90, 44, 24
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
@media (prefers-color-scheme: dark) {
  text { fill: #e5e7eb; }
  .faint { fill: #9ca3af; }
  .ours { fill: #60a5fa; stroke: #60a5fa; }
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


def lines(title: str, curves: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str) -> str:
    """Curves over logarithmic axes, on which what is linear is a straight line at 45 degrees."""
    points = [point for curve in curves.values() for point in curve]
    across = _Scale([each for each, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = _Scale([each for _, each in points], _TOP + _PLOT_HEIGHT, _TOP)
    parts = [
        f'<path class="axis line" d="M{_LEFT} {_TOP}V{_TOP + _PLOT_HEIGHT}H{_WIDTH - _RIGHT}"/>',
        _text(_LEFT - 8, _TOP + 4, y, "end", "faint"),
        _text(_WIDTH - _RIGHT + 8, _TOP + _PLOT_HEIGHT + 4, x, "start", "faint"),
    ]
    parts += [
        _text(across.place(each), _TOP + _PLOT_HEIGHT + 18, shown(each), "middle", "faint")
        for each in sorted({each for each, _ in points})
    ]
    for place, (name, curve) in enumerate(curves.items()):
        kind = "ours" if place == 0 else "other"
        path = "L".join(f"{across.place(a):.1f} {up.place(b):.1f}" for a, b in curve)
        parts.append(f'<path class="{kind} line" style="fill: none" d="M{path}"/>')
        for a, b in curve:
            parts.append(
                f'<circle class="{kind}" cx="{across.place(a):.1f}" cy="{up.place(b):.1f}" r="3"/>'
            )
            parts.append(_text(across.place(a), up.place(b) - 8, shown(b), "middle"))
        end = curve[-1]
        parts.append(_text(across.place(end[0]) + 10, up.place(end[1]) + 4, name))
    return _document(title, _TOP + _PLOT_HEIGHT + 2 * _BOTTOM, parts)


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
