"""Registers the fixtures of tests/fixtures, and tells what `pytest -m asvs` has shown."""

from __future__ import annotations

from collections import Counter

import pytest

pytest_plugins = ["tests.fixtures.databases", "tests.fixtures.prefect", "tests.fixtures.browser"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a report carry the requirements that its test shows, also from another process."""
    for item in items:
        for mark in item.iter_markers("asvs"):
            item.user_properties.append(("asvs", " ".join(mark.args)))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """With `-m asvs`, a line for each requirement of docs/security.md: how many tests went how."""
    if config.option.markexpr != "asvs":
        return
    went: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            shown = dict(getattr(report, "user_properties", [])).get("asvs", "")
            for number in str(shown).split():
                went.setdefault(number, Counter())[outcome] += 1
    terminalreporter.section("requirements of ASVS 5.0")
    for number in sorted(went, key=_place):
        counts = ", ".join(f"{count} {outcome}" for outcome, count in went[number].items())
        terminalreporter.write_line(f"{number:10} {counts}")


def _place(number: str) -> list[tuple[int, str]]:
    """Numbers as numbers; what has none, last."""
    parts = number.split(".")
    return [(int(each), "") if each.isdigit() else (1_000, each) for each in parts]
