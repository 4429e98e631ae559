"""The page about the emulator says what is there."""

from __future__ import annotations

from pathlib import Path

from emulator.entities import ENTITIES
from emulator.injection import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")


def test_every_entity_stands_on_the_page_with_its_writes() -> None:
    for name, entity in ENTITIES.items():
        writes = ", ".join(sorted(entity.verbs)) or "none"
        assert f"| {name} | {writes} |" in PAGE, f"docs/emulator.md: {name} ({writes})"


def test_every_kind_of_fault_stands_on_the_page() -> None:
    for kind in KINDS:
        assert f"`{kind}`" in PAGE, f"docs/emulator.md does not name the fault {kind}"
