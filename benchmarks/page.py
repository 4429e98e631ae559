"""docs/performance.md and its charts, written from the results of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import charts
from benchmarks.needed import NEEDED
from benchmarks.result import Result

_HEAD: Final = """# Performance

Written by `make bench` (`python -m benchmarks`) from its own run; the same figures stand in
`benchmarks/results.json`. One line alone: `python -m benchmarks.NAME`; to put it in here, too:
`python -m benchmarks --keep NAME`. Sizes that do not fit into a quarter of an hour on two cores:
`python -m benchmarks.NAME --full`.

Everything of ours is the whole engine: validated, merged, stored, linked, audited and signed. Peers
are installed from the package registry, each into an environment of its own, and are run in turn
with ours against the same emulator. A figure is the median of its rounds; least and most stand in
brackets.
"""
_NOTES: Final = """
## How to read it

- Times are of the work, without the start of an interpreter and imports: see the line `start`.
- A ratio is the figure divided by what it is measured against.
- Calls are counted by the emulator's meter; refreshing a token is none.
- A size with an asterisk is smaller than the one that the goal speaks of.
"""


def write(results: Sequence[Result], about: Mapping[str, Any], docs: Path) -> None:
    """Write the page and its charts into a folder."""
    images = docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    drawn = charts_of({each.name: each.as_json() for each in results})
    for name, (_, svg) in drawn.items():
        (images / f"performance-{name}.svg").write_text(svg, encoding="utf-8")
    pictures = [
        f"![{title}](images/performance-{name}.svg)\n" for name, (title, _) in drawn.items()
    ]
    parts = [_HEAD, _machine(about), _table(results), _missed(results), _calls(results)]
    parts += [*pictures, _NOTES]
    page = "\n".join(part for part in parts if part)
    (docs / "performance.md").write_text(page, encoding="utf-8")


def _machine(about: Mapping[str, Any]) -> str:
    return (
        f"Measured on {about['cores']} cores of {about['processor']}, {about['system']}, Python "
        f"{about['python']}, load {about['load_at_start']} at the start; "
        f"{about['minutes']:.0f} minutes in all.\n"
    )


def _table(results: Sequence[Result]) -> str:
    rows = [
        "| work | size | measured | against | ratio | goal | reached |",
        "|---|---|---|---|---|---|---|",
    ]
    rows += [f"| {' | '.join(_cells(each))} |" for each in results]
    return "\n".join([*rows, ""])


def _cells(result: Result) -> list[str]:
    """One line of the table."""
    met = {True: "yes", False: "**no**", None: ""}[result.met]
    return [
        f"{result.work} (`{result.name}`)",
        result.size + ("" if result.full_size else " *"),
        _measured(result.figure, result.unit, result.spread),
        f"{result.against}: {_measured(result.against_figure, result.unit, result.against_spread)}"
        if result.against
        else "",
        "" if result.ratio is None else f"{result.ratio:.2f}",
        "" if result.goal is None else str(result.goal),
        met or ("not measured" if result.figure is None else ""),
    ]


def _measured(figure: float | None, unit: str, spread: tuple[float, float] | None) -> str:
    if figure is None:
        return "not measured"
    between = f" ({charts.shown(spread[0])} to {charts.shown(spread[1])})" if spread else ""
    return f"{charts.shown(figure)} {unit}{between}"


def _missed(results: Sequence[Result]) -> str:
    """What misses its goal or could not be measured, and why."""
    told = [f"- {each.work} (`{each.name}`): {why}" for each in results if (why := why_of(each))]
    return "\n".join(["## What is missing\n", *told, ""]) if told else ""


def why_of(result: Result) -> str:
    """Why a line has no figure, no peer, or misses its goal; "" where nothing is to be said."""
    if result.met is not False:
        return result.why
    return " ".join(filter(None, [result.why, NEEDED.get(result.name, "its reason is not known")]))


def _calls(results: Sequence[Result]) -> str:
    """Everybody's calls, by the emulator's meter."""
    kinds = {
        "first_sync_0ms": "1,000 records read",
        "writes": "1,000 records written",
        "idle_cycle_calls": "an idle cycle",
    }
    rows = [
        f"| {kinds[each.name]} | {who} | {charts.shown(calls)} |"
        for each in results
        if each.name in kinds
        for who, calls in each.details.get("calls", {}).items()
    ]
    head = ["## Calls\n", "| of | by | calls |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""]) if rows else ""


def charts_of(results: Mapping[str, dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Title and drawing of each chart whose figures there are."""
    drawn: dict[str, tuple[str, str]] = {}
    for name, title in (
        ("first_sync_0ms", "First sync, 0 ms per call: seconds"),
        ("first_sync_100ms", "First sync, 100 ms per call: seconds"),
    ):
        if everybody := _everybody(results, name):
            values = {who: each["seconds"] for who, each in everybody.items()}
            drawn[name.replace("_", "-")] = (title, charts.bars(title, values, "s"))
    if everybody := _everybody(results, "writes"):
        title = "1,000 writes at 100 ms per call: writes a second"
        values = {who: each["writes_per_second"] for who, each in everybody.items()}
        drawn["writes"] = (title, charts.bars(title, values, "/s"))
    if cost := results.get("guards_cost"):
        title = "Where processor time of writing to QuickBooks goes: percent"
        profile = cost["details"]["profile_of_writes_percent"]
        guards = ("audit", "intents", "verification")
        drawn["profile"] = (title, charts.bars(title, profile, "%", guards))
    if grown := results.get("growth_of_processor_seconds"):
        title = "Growth of a first sync with the number of records: processor seconds"
        measured = list(zip(grown["details"]["records"], grown["details"]["values"], strict=True))
        drawn["growth"] = (title, charts.line(title, measured, "records", "seconds"))
    return drawn


def _everybody(results: Mapping[str, dict[str, Any]], name: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = (
        results.get(name, {}).get("details", {}).get("everybody", {})
    )
    return found
