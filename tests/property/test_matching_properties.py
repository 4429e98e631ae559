"""What holds for every proposal, whatever records both sides hold and in whatever order."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.match_keys import united
from models.matching import Kind, Proposal, Unlinked, propose
from models.record_type import catalog

#: Few values, so that records meet each other often.
NAMES = st.sampled_from(
    ["Acme", "ACME", "Acme Inc", "Acme, LLC", "Acme Tools", "Acme Tool", "Tools, Acme", "!", None]
)
NUMBERS = st.sampled_from([None, "1", "01", "#1", "2", "A-1", "a 1"])
DAYS = st.integers(0, 6).map(lambda days: date(2026, 3, 1) + timedelta(days=days))
AMOUNTS = st.sampled_from([Decimal(5), Decimal(6), None])
PARTIES = st.integers(90, 93)
CONTENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "customer": st.fixed_dictionaries({"name": NAMES}),
    "account": st.fixed_dictionaries(
        {"name": NAMES, "parent": st.none() | PARTIES.map(lambda link: f"account:{link}")}
    ),
    "bill": st.fixed_dictionaries(
        {
            "number": NUMBERS,
            "vendor": PARTIES.map(lambda link: f"vendor:{link}"),
            "issued_on": DAYS,
            "total": AMOUNTS,
            "currency": st.just("USD"),
        }
    ),
    "expense": st.fixed_dictionaries(
        {
            "number": NUMBERS,
            "payment_account": st.just("account:90"),
            "payee": st.none() | PARTIES.map(lambda link: f"vendor:{link}"),
            "spent_on": DAYS,
            "total": AMOUNTS,
            "currency": st.just("USD"),
        }
    ),
    "journal_entry": st.fixed_dictionaries({"number": NUMBERS, "entered_on": DAYS}),
}
IN_DOUBT = united([(90, 91)])


@st.composite
def books(draw: st.DrawFn) -> tuple[str, list[Unlinked], list[Unlinked]]:
    """A record type, and what both sides hold of it."""
    name = draw(st.sampled_from(sorted(CONTENTS)))
    sides = []
    for first in (1, 50):
        contents = draw(st.lists(CONTENTS[name], max_size=8))
        whole = draw(st.lists(st.booleans(), min_size=8, max_size=8))
        sides.append([Unlinked(first + n, each, whole=whole[n]) for n, each in enumerate(contents)])
    return name, sides[0], sides[1]


def told(found: dict[int, Proposal]) -> dict[int, tuple[Kind, tuple[int, ...], int, bool]]:
    """Proposals without their words, which name the sides."""
    return {
        link: (each.kind, each.candidates, each.count, each.depends) for link, each in found.items()
    }


@given(books())
def test_both_sides_are_treated_alike(held: tuple[str, list[Unlinked], list[Unlinked]]) -> None:
    name, theirs, ours = held
    record_type = catalog()[name]
    assert told(propose(record_type, theirs, ours, IN_DOUBT)) == told(
        propose(record_type, ours, theirs, IN_DOUBT)
    )


@given(books(), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(
    held: tuple[str, list[Unlinked], list[Unlinked]], order: Any
) -> None:
    name, theirs, ours = held
    record_type = catalog()[name]
    expected = propose(record_type, theirs, ours, IN_DOUBT)
    order.shuffle(theirs)
    order.shuffle(ours)
    assert propose(record_type, theirs, ours, IN_DOUBT) == expected


@given(books())
def test_each_record_has_one_place(held: tuple[str, list[Unlinked], list[Unlinked]]) -> None:
    """Nobody is in two pairs, both of a pair say the same, and candidates are the other side's."""
    name, theirs, ours = held
    found = propose(catalog()[name], theirs, ours, IN_DOUBT)
    sides = [{each.link_id for each in side} for side in (theirs, ours)]
    assert set(found) == sides[0] | sides[1]
    for link, each in found.items():
        other = sides[link in sides[0]]
        assert set(each.candidates) <= other
        assert len(set(each.candidates)) == len(each.candidates) <= each.count
        assert bool(each.reason) == (each.kind is not Kind.NEW) == bool(each.candidates)
        if each.kind in (Kind.CERTAIN, Kind.LIKELY):
            (partner,) = each.candidates
            assert found[partner].candidates == (link,)
            assert found[partner].kind is each.kind
            assert found[partner].reason == each.reason
    whole = {each.link_id for each in (*theirs, *ours) if each.whole}
    assert {link for link, each in found.items() if each.kind is Kind.CERTAIN} <= whole
