"""What content refers to, and how references are followed when an entry is merged away."""

from __future__ import annotations

from typing import Any

import pytest

from models.record_type import catalog
from models.referring import references_in, replacements, with_replaced

BILL = catalog()["bill"]


def line(account: str | None, **more: Any) -> dict[str, Any]:
    return {"kind": "account", "account": account, "description": "vendor:5", **more}


def bill(vendor: str | None, *lines: dict[str, Any]) -> dict[str, Any]:
    return {"vendor": vendor, "memo": "vendor:5", "lines": lines}


def test_references_of_fields_and_lines() -> None:
    content = bill("vendor:5", line("account:1"), line(None, customer="customer:9"))
    assert list(references_in(BILL, content)) == [
        ("vendor", "vendor:5"),
        ("lines", "account:1"),
        ("lines", "customer:9"),
    ]
    assert list(references_in(BILL, None)) == []
    assert list(references_in(BILL, {"vendor": None, "lines": None})) == []


def test_replacing_leaves_texts_and_the_original_alone() -> None:
    content = bill("vendor:5", line("account:1"), line("account:2"))
    replaced = {"vendor:5": "vendor:6", "account:1": "account:2"}
    assert with_replaced(BILL, content, replaced) == bill(
        "vendor:6", line("account:2"), line("account:2")
    )
    assert content == bill("vendor:5", line("account:1"), line("account:2"))
    assert with_replaced(BILL, bill(None), replaced) == bill(None)


GONE = {"vendor:5": None, "account:1": None}


@pytest.mark.parametrize(
    ("before", "now", "moved"),
    [
        (bill("vendor:5"), bill("vendor:6"), [("vendor:5", "vendor:6")]),
        (bill("vendor:7"), bill("vendor:6"), []),  # somebody chose another vendor
        (bill("vendor:5"), bill("vendor:5"), []),  # an older reading
        (bill("vendor:5"), bill(None), []),
        (
            bill("vendor:7", line("account:1"), line("account:3")),
            bill("vendor:7", line("account:2"), line("account:3")),
            [("account:1", "account:2")],
        ),
        # a line was added or replaced: nobody can say which is which
        (bill("vendor:7", line("account:1")), bill("vendor:7", line("a:2"), line("a:3")), []),
        (bill("vendor:7", line("account:1")), bill("vendor:7", line("a:2", kind="item")), []),
    ],
)
def test_what_stands_where_gone_ones_stood(
    before: dict[str, Any], now: dict[str, Any], moved: list[tuple[str, str]]
) -> None:
    assert list(replacements(BILL, before, now, GONE)) == moved
