"""Run all benchmarks: `python -m benchmarks [--full] [--keep] [NAME ...]`, or `make bench`.

All lines of the table go to `benchmarks/results.json` and `docs/performance.md`; with names, only
those lines are run, and printed; with --keep, too, they take the place of what is there. Others,
such as `audit` or `page_times`, are told about where what they measure is, and run alone:
`python -m benchmarks.audit`.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Final

from benchmarks import page
from benchmarks.result import Result, is_full, machine, show, stored_in

#: The lines of the table, those that take longest first.
LINES: Final = (
    *("first_sync", "idle_cycle", "one_change", "writes", "real_limits", "guards_cost"),
    *("prefect_share", "memory", "start", "validation", "growth"),
)
#: What can be done on a larger scale.
SCALED: Final = ("one_change", "real_limits", "memory", "growth")
HERE: Final = Path(__file__).parent
_REASON_CHARACTERS_MAX: Final = 300


def main() -> None:
    """Run what is named, or all lines."""
    named = [each for each in sys.argv[1:] if not each.startswith("--")]
    if unknown := sorted(set(named) - set(LINES)):
        sys.exit(f"{', '.join(unknown)}: no such line; there are {', '.join(LINES)}")
    if named:
        results = [result for name in named for result in measured(name)]
        show(results)
        if "--keep" in sys.argv:
            put_in(results)
        return
    about, started = machine(), time.perf_counter()
    results = []
    for name in LINES:
        begun = time.perf_counter()
        results += measured(name)
        print(f"{name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        about["minutes"] = round((time.perf_counter() - started) / 60, 1)
        keep(results, about)


def measured(name: str) -> list[Result]:
    """One line's results; where it cannot be measured, a result that says why."""
    benchmark: Any = importlib.import_module(f"benchmarks.{name}")
    try:
        found: list[Result] = benchmark.run(full=is_full()) if name in SCALED else benchmark.run()
    except Exception as error:  # noqa: BLE001 - the other lines are measured all the same
        traceback.print_exc()
        why = f"it failed: {type(error).__name__}: {error}"[:_REASON_CHARACTERS_MAX]
        return [Result(name=name, work=name.replace("_", " "), figure=None, unit="", why=why)]
    return found


def put_in(results: list[Result]) -> None:
    """Let results of some lines take the place of those of an earlier run of all."""
    file = HERE / "results.json"
    new = {each.name: each for each in results}
    about = json.loads(file.read_text(encoding="utf-8"))[0]["machine"]
    keep([new.get(each.name, each) for each in stored_in(file)], about)


def keep(results: list[Result], about: dict[str, Any]) -> None:
    """Write what is there so far, so that a run that is stopped leaves its figures."""
    lines = [{**each.as_json(), "machine": about} for each in results]
    text = json.dumps(lines, indent=2, ensure_ascii=False)
    (HERE / "results.json").write_text(f"{text}\n", encoding="utf-8")
    page.write(results, about, HERE.parent / "docs")


if __name__ == "__main__":
    main()
