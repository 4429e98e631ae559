"""What commands print for people is what it is: brackets in it are no markup."""

from __future__ import annotations

import pytest

from cli_shared import print_rows, say


def test_brackets_in_what_is_printed_stay(capsys: pytest.CaptureFixture[str]) -> None:
    """A closing tag in a customer's name ended commands, and an opening one hid a value."""
    rows = [{"record": "Ann [/b] Ltd", "theirs [x]": "net 30 [draft]", "ours": None}]
    print_rows("Of Acme [/eu]", rows, "nothing")
    printed = capsys.readouterr().out
    for words in ("Of Acme [/eu]", "Ann [/b] Ltd", "theirs [x]", "net 30 [draft]"):
        assert words in printed
    say("Acme [/eu]: [bold]3[/bold] written")
    assert capsys.readouterr().err == "· Acme [/eu]: [bold]3[/bold] written\n"
