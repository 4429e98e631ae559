"""How sure it is that records of both sides are the same, case by case."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from models import matching
from models.match_keys import exact_pairs, united
from models.matching import (
    CANDIDATES_MAX,
    LOOKED_AT_MAX,
    NEIGHBOURS,
    Kind,
    Proposal,
    Unlinked,
    propose,
)
from models.record_type import catalog
from models.spelling import are_similar, folded, folded_name, folded_number

CERTAIN, LIKELY, AMBIGUOUS, NEW = Kind
#: Links of QuickBooks's records begin here, those of the platform at 1.
QUICKBOOKS_FROM = 1_000


def unlinked(contents: list[dict[str, Any]], first: int) -> list[Unlinked]:
    return [Unlinked(first + number, content) for number, content in enumerate(contents)]


def proposed(
    name: str,
    quickbooks: list[dict[str, Any]],
    platform: list[dict[str, Any]],
    stand_ins: dict[int, int] | None = None,
) -> dict[int, Proposal]:
    theirs, ours = unlinked(quickbooks, QUICKBOOKS_FROM), unlinked(platform, 1)
    return propose(catalog()[name], theirs, ours, stand_ins)


def kind_of(name: str, theirs: dict[str, Any], ours: dict[str, Any]) -> Kind:
    """How sure it is that two lone records are the same; both must be told alike."""
    found = proposed(name, [theirs], [ours])
    assert found[1].kind is found[QUICKBOOKS_FROM].kind
    assert found[1].reason == found[QUICKBOOKS_FROM].reason
    return found[1].kind


@pytest.mark.parametrize(
    ("theirs", "ours", "kind"),
    [
        ("Acme", "Acme", CERTAIN),
        ("Acme", "ACME", CERTAIN),
        ("Straße 9", "STRASSE 9", CERTAIN),
        # spelling: punctuation, spaces, widths
        ("Acme Tools", "Acme  Tools.", LIKELY),
        ("On-site Workshop", "Onsite Workshop", LIKELY),
        ("O'Brien", "O\N{RIGHT SINGLE QUOTATION MARK}Brien", LIKELY),
        ("Birch & Vale", "Birch and Vale", LIKELY),
        ("Cafe 24", "\N{FULLWIDTH LATIN CAPITAL LETTER C}afe 24", LIKELY),
        # legal forms, at the end only
        ("Acme", "Acme, Inc.", LIKELY),
        ("Acme LLC", "Acme L.L.C.", LIKELY),
        ("Acme Ltd", "Acme Limited", LIKELY),
        ("Acme GmbH", "Acme GmbH & Co. KG", LIKELY),
        ("Inc", "LLC", NEW),
        ("Inc Supplies", "Supplies", NEW),
        # words in another order, and slips of the hand
        ("Ana Ferreira", "Ferreira, Ana", LIKELY),
        ("Tidewater Aquaculture", "Tidewater Aquacultre", LIKELY),
        ("Tidewater Aquaculture", "Ridewater Aquaculture", LIKELY),
        ("Bob", "Rob", NEW),
        ("Store number 12", "Store number 13", NEW),
        ("Northlight Clinics", "Westside Clinic", NEW),
        # nothing to go by
        (None, None, NEW),
        ("", "Acme", NEW),
        ("!!!", "!!!", CERTAIN),
        ("!!!", "???", NEW),
    ],
)
def test_names(theirs: str | None, ours: str | None, kind: Kind) -> None:
    assert kind_of("customer", {"name": theirs}, {"name": ours}) is kind


BILL = {
    "number": "A-1",
    "vendor": "vendor:7",
    "issued_on": date(2026, 3, 1),
    "total": Decimal("10.00"),
    "currency": "USD",
}
EXPENSE = {
    "number": None,
    "payment_account": "account:3",
    "payee": None,
    "spent_on": date(2026, 3, 1),
    "total": Decimal("10.00"),
    "currency": "USD",
}
APPLICATION = (
    {"kind": "invoice", "invoice": "invoice:19", "amount": Decimal("10.01")},
    {"kind": "credit_memo", "credit_memo": "credit_memo:17", "amount": Decimal("10.01")},
)
OTHER = ({**APPLICATION[0], "invoice": "invoice:20"}, APPLICATION[1])
#: A payment of nothing, that applies a credit to an invoice.
PAYMENT = {
    "customer": "customer:8",
    "received_on": date(2026, 3, 1),
    "amount": Decimal(0),
    "reference": None,
    "currency": "USD",
    "lines": APPLICATION,
}
LEAST = {"bill": BILL, "expense": EXPENSE, "payment": PAYMENT}


@pytest.mark.parametrize(
    ("name", "theirs", "ours", "kind"),
    [
        ("bill", {}, {}, CERTAIN),
        ("bill", {}, {"number": "a-1"}, CERTAIN),
        # the second key: the same vendor, day and total; but two numbers are two bills, maybe
        ("bill", {"number": None}, {}, CERTAIN),
        ("bill", {}, {"number": "A-2"}, LIKELY),
        ("bill", {}, {"number": "A-2", "issued_on": date(2026, 3, 2)}, NEW),
        # the number in another spelling, on any day
        ("bill", {"issued_on": date(2026, 1, 1)}, {"number": "#a 1"}, LIKELY),
        ("bill", {"number": "0042", "issued_on": None}, {"number": "42"}, LIKELY),
        # no number on one side: three days
        ("bill", {"number": None}, {"issued_on": date(2026, 3, 4)}, LIKELY),
        ("bill", {"number": None}, {"issued_on": date(2026, 2, 26)}, LIKELY),
        ("bill", {"number": None}, {"issued_on": date(2026, 3, 5)}, NEW),
        ("bill", {"number": None}, {"issued_on": date(2026, 2, 25)}, NEW),
        ("bill", {"number": None}, {"issued_on": None}, NEW),
        # always the same party, amount and currency
        ("bill", {"number": None}, {"vendor": "vendor:8"}, NEW),
        ("bill", {}, {"number": "a 1", "total": Decimal("10.01")}, NEW),
        ("bill", {}, {"number": "a 1", "currency": "CAD"}, NEW),
        ("bill", {"number": None, "total": None}, {"total": None}, NEW),
        # the block is the account that paid; a payee may be missing, two may not differ
        ("expense", {}, {"spent_on": date(2026, 3, 2)}, LIKELY),
        ("expense", {}, {"payee": "vendor:9"}, LIKELY),
        ("expense", {"payee": "vendor:8"}, {"payee": "vendor:9"}, NEW),
        ("expense", {}, {"payment_account": "account:4"}, NEW),
        # about no money: the lines tell which it is, or a number does
        ("payment", {}, {}, CERTAIN),
        ("payment", {}, {"lines": OTHER}, AMBIGUOUS),
        ("payment", {}, {"received_on": date(2026, 3, 2)}, LIKELY),
        ("payment", {"reference": "R1"}, {"reference": "R1", "lines": OTHER}, CERTAIN),
        ("payment", {"amount": Decimal(5)}, {"amount": Decimal(5), "lines": OTHER}, CERTAIN),
        ("payment", {"lines": ()}, {"lines": ()}, AMBIGUOUS),
    ],
)
def test_documents(name: str, theirs: dict[str, Any], ours: dict[str, Any], kind: Kind) -> None:
    least = LEAST[name]
    assert kind_of(name, {**least, **theirs}, {**least, **ours}) is kind


@pytest.mark.parametrize(
    ("ours", "same"), [({}, True), ({"lines": OTHER}, False), ({"reference": "R1"}, False)]
)
def test_what_both_sides_entered_between_two_cycles(ours: dict[str, Any], same: bool) -> None:
    """Goal: two applications of credits on one day are two payments."""
    record_type = catalog()["payment"]
    (fields,) = record_type.match_keys
    pairs = exact_pairs(record_type, fields, {"14": PAYMENT}, {"2": {**PAYMENT, **ours}})
    assert pairs == ({"14": "2"} if same else {})


def test_a_document_without_amount_is_known_by_its_number_and_day() -> None:
    entry = {"number": "JE 7", "entered_on": date(2026, 3, 1)}
    assert kind_of("journal_entry", entry, {**entry, "number": "je-7"}) is LIKELY
    other_day = {"number": "je-7", "entered_on": date(2026, 3, 2)}
    assert kind_of("journal_entry", entry, other_day) is NEW
    # numbers that are nearly the same are two
    near = {"number": "JE 77777777", "entered_on": date(2026, 3, 1)}
    assert kind_of("journal_entry", near, {**near, "number": "JE 7777777"}) is NEW


def test_what_cannot_be_read_whole_is_never_certain() -> None:
    content = {"name": "Acme"}
    found = propose(
        catalog()["customer"], [Unlinked(9, content, whole=False)], [Unlinked(1, content)]
    )
    assert {each.kind for each in found.values()} == {LIKELY}
    assert "cannot be read" in found[9].reason


@pytest.mark.parametrize(
    ("theirs", "ours", "kinds"),
    [
        # two alike on one side: both are named
        (["Acme"], ["Acme Inc", "Acme LLC"], {1000: AMBIGUOUS, 1: AMBIGUOUS, 2: AMBIGUOUS}),
        (["Acme", "acme"], ["ACME"], {1000: AMBIGUOUS, 1001: AMBIGUOUS, 1: AMBIGUOUS}),
        # whoever fits exactly leaves the others alone
        (["Acme"], ["Acme", "Acme Inc"], {1000: CERTAIN, 1: CERTAIN, 2: NEW}),
        (["Acme", "Acme Inc"], ["acme", "Acme, Inc."], dict.fromkeys((1000, 1), CERTAIN)
         | dict.fromkeys((1001, 2), LIKELY)),
        # nearly the same as two
        (["Granite Timber"], ["Granite Timbers", "Granit Timber"],
         {1000: AMBIGUOUS, 1: AMBIGUOUS, 2: AMBIGUOUS}),
    ],
)  # fmt: skip
def test_several_that_fit(theirs: list[str], ours: list[str], kinds: dict[int, Kind]) -> None:
    found = proposed("vendor", [{"name": each} for each in theirs], [{"name": n} for n in ours])
    assert {link: each.kind for link, each in found.items()} == kinds
    for link, each in found.items():
        if each.kind is AMBIGUOUS:
            other = {key for key in found if (key < QUICKBOOKS_FROM) != (link < QUICKBOOKS_FROM)}
            assert set(each.candidates) <= other
            assert each.reason


def test_very_many_that_fit_are_counted_and_a_few_named() -> None:
    found = proposed("vendor", [{"name": "Acme"}] * 40, [{"name": "ACME"}] * 60)
    assert {each.kind for each in found.values()} == {AMBIGUOUS}
    assert len(found[1].candidates) == CANDIDATES_MAX
    assert (found[1].count, found[QUICKBOOKS_FROM].count) == (40, 60)


def test_a_child_is_as_sure_as_its_parent() -> None:
    """Accounts of the same name are the same only within the same parent."""
    theirs, ours = {"name": "Meals", "parent": "account:50"}, {"name": "meals", "parent": None}
    assert kind_of("account", theirs, ours) is NEW
    ours["parent"] = "account:51"
    assert kind_of("account", theirs, ours) is NEW
    # what the two parents are in doubt of stands for both: certain, once that is decided
    found = proposed("account", [theirs], [ours], united([(50, 51)]))
    assert (found[1].kind, found[1].depends) == (CERTAIN, True)
    ours["parent"] = "account:50"
    found = proposed("account", [theirs], [ours], united([(50, 51)]))
    assert (found[1].kind, found[1].depends) == (CERTAIN, False)


def test_links_that_may_be_the_same_have_one_that_stands_for_them() -> None:
    assert united([]) == {}
    assert united([(5, 9), (9, 3), (7,), (8, 2)]) == {5: 3, 9: 3, 3: 3, 8: 2, 2: 2}


def test_spelling() -> None:
    assert folded("  The A.B.C. Company, Inc. ") == "theabccompanyinc"
    assert folded_name("The A.B.C. Company, Inc.") == "theabc"
    assert folded_number("#00-42") == "42"
    assert folded_number("000") == "000"
    assert are_similar("tidewateraquaculture", "tidewateraquacultre")
    assert are_similar("tidewateraquacultre", "tidewateraquaculture")
    assert not are_similar("route66diner", "route67diner")


def test_never_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: the work grows with the records, not with their square, also where all are alike."""
    count = 2_000
    compared: list[object] = []
    monkeypatch.setattr(matching, "are_similar", lambda *names: compared.append(names) or False)
    monkeypatch.setattr(matching, "_may_be_one", lambda *links: compared.append(links) or False)
    theirs = [{"name": f"The same beginning {n} a"} for n in range(count)]
    ours = [{"name": f"The same beginning {n} b"} for n in range(count)]
    assert {each.kind for each in proposed_apart("customer", theirs, ours).values()} == {NEW}
    assert count < len(compared) <= 2 * 2 * NEIGHBOURS * 2 * count
    compared.clear()
    bills = [{**BILL, "number": None, "issued_on": date(2026, 1, 1 + n % 28)} for n in range(count)]
    others = [{**each, "number": f"{n}", "vendor": "vendor:7"} for n, each in enumerate(bills)]
    shifted = [{**each, "issued_on": each["issued_on"] + timedelta(1)} for each in others]
    proposed_apart("bill", bills[:-1], shifted)
    assert len(compared) <= 2 * LOOKED_AT_MAX * 2 * count


def proposed_apart(
    name: str, theirs: list[dict[str, Any]], ours: list[dict[str, Any]]
) -> dict[int, Proposal]:
    """Proposals for very many records."""
    return propose(catalog()[name], unlinked(theirs, 1_000_000), unlinked(ours, 1))
