"""`users` and `tokens` of the command line: the same log as the pages, signed and verified."""

from __future__ import annotations

import csv
import io
import json

from cli_shared import person
from models.tables.sync import INSTALLATION
from tests.fixtures.company import Office


def test_what_is_done_to_people_is_logged_signed_and_exported(office: Office) -> None:
    """Under the name of who is at the keyboard, without what was made; a refusal is no entry."""
    made = office.run("users", "add", "Ann@example.com", "--role=admin", "--generate", "--json")
    office.run("users", "add", "ann@example.com", "--generate", code=2)
    office.run("users", "change", "ann@example.com", "--role", "viewer", code=1)
    office.run("users", "add", "bea", "--role", "admin", "--generate")
    office.run("users", "change", "ann@example.com", "--role", "operator", "--json")
    token = office.run("tokens", "add", "bea", "--name", "report", "--json").json
    assert office.run("tokens", "list", "--json").json["tokens"][0]["made_by"] == person()
    office.run("tokens", "revoke", str(token["token_id"]))

    signed = office.run("audit", "checkpoint", "--json").json["signed"]
    assert [(each["connection"], each["entry"]) for each in signed] == [(INSTALLATION, 5)]
    verdict = office.run("audit", "verify", "--json").json
    assert (verdict["findings"], verdict["notes"]) == ([], [])
    exported = office.run("audit", "export", "--format", "csv").stdout
    rows = [
        each
        for each in csv.DictReader(io.StringIO(exported))
        if each["connection_id"] == str(INSTALLATION)
    ]
    assert [each["kind"] for each in rows] == [
        "user.added", "user.added", "user.changed", "token.made", "token.revoked",
    ]  # fmt: skip
    assert {each["actor"] for each in rows} == {person()}
    assert json.loads(rows[2]["body"])["changed"] == {"role": ["admin", "operator"]}
    for secret in (made.json["password"], token["token"], "argon2"):
        assert secret not in exported
