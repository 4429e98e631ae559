"""How values look on the pages."""

from __future__ import annotations

import pytest

from dashboard.shown import prose


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("both sides changed", "Both sides changed"),
        ("run `a sync` first", "Run <code>a sync</code> first"),
        # a backquote alone, and what would be markup
        ("o`brien <b>", "O`brien &lt;b&gt;"),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
        ("", ""),
    ],
)
def test_prose_sets_what_is_typed_and_escapes_all(text: str, shown: str) -> None:
    assert prose(text) == shown
