"""Matching: which records that both sides hold unlinked are the same, and how sure that is.

certain    exactly one on each side has the same match key
likely     exactly one on each side is the same but for the spelling, or for a missing number
ambiguous  several fit, or nothing but their day tells of documents that move no money
new        none fits

All follows from the record type's declaration: its match keys, label, amount, day and references.
Stages go from the surest to the least sure, and whoever is matched in one takes no part in the
next. Each stage puts records of equal keys together, or looks at a bounded number of neighbours in
an order: O(n log n) for n records, never each with each. Sorting by link makes the answer the same
whatever order the records come in, and the stages treat both sides alike.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, partial

from models.fields import Currency
from models.match_keys import Key, completed, grouped, is_about_no_money, lines_key, listed
from models.party import PARTY_FIELDS
from models.record_type import RecordType, catalog
from models.records import Content, link_in
from models.reference_fields import Reference
from models.spelling import are_similar, folded, folded_name, folded_number, words_of

#: Documents without a number are the same only if their days are this close.
DAYS_APART_MAX = timedelta(days=3)
#: Each name is compared with so many that follow it, in the order of its letters from either end.
NEIGHBOURS = 8
#: Candidates that are named; further ones are only counted.
CANDIDATES_MAX = 5
#: Documents of one party, amount and currency that are looked at around one day.
LOOKED_AT_MAX = 50


class Kind(StrEnum):
    """How sure it is that a record is one of the other side's."""

    CERTAIN = "certain"
    LIKELY = "likely"
    AMBIGUOUS = "ambiguous"
    NEW = "new"


@dataclass(frozen=True)
class Unlinked:
    """A record that one side holds and that has no counterpart yet."""

    link_id: int
    content: Content
    #: Whether all of it could be read; what could not be is matched, but never for certain.
    whole: bool = True


@dataclass(frozen=True)
class Proposal:
    """What a record probably is."""

    kind: Kind
    #: Links of the other side's records that fit, the first ones where there are many.
    candidates: tuple[int, ...] = ()
    #: Why, in words that follow on "because".
    reason: str = ""
    #: How many fit, also where not all are named.
    count: int = 0
    #: Whether it is so only if its parents are, which wait for a decision themselves.
    depends: bool = False


NOTHING_FITS = Proposal(Kind.NEW)


def propose(
    record_type: RecordType,
    quickbooks: Iterable[Unlinked],
    platform: Iterable[Unlinked],
    stand_ins: Mapping[int, int] | None = None,
) -> dict[int, Proposal]:
    """A proposal for each record, by its link.

    Args:
        record_type: what they all are.
        quickbooks: what QuickBooks holds unlinked.
        platform: what the platform holds unlinked.
        stand_ins: link -> the link that stands for it and all that it may be the same as; what
            refers to one of them is compared as if it referred to that one.
    """
    work = _Work(record_type, stand_ins or {}, _by_id(quickbooks), _by_id(platform))
    for fields in record_type.match_keys:
        _match_exactly(work, fields)
    if record_type.amount:
        _match_documents(work)
    else:
        _match_names(work)
    return work.proposals


# -- the stages' common work --


@dataclass
class _Work:
    """Records that no stage has matched yet, and what was found so far."""

    record_type: RecordType
    stand_ins: Mapping[int, int]
    quickbooks: dict[int, Unlinked]
    platform: dict[int, Unlinked]
    proposals: dict[int, Proposal] = field(init=False)

    def __post_init__(self) -> None:
        self.proposals = dict.fromkeys((*self.quickbooks, *self.platform), NOTHING_FITS)

    def value(self, content: Content, name: str) -> object:
        """A field's value without case; a reference to a record in doubt is to its stand-in."""
        value = content.get(name)
        if value and isinstance(self.record_type.by_name[name], Reference):
            parent, link_id = link_in(value)
            return f"{parent}:{self.stand_ins.get(link_id, link_id)}"
        return value.casefold() if isinstance(value, str) else value

    def text(self, content: Content) -> str:
        """What people call the record."""
        value = content.get(self.record_type.label)
        return value if isinstance(value, str) else ""

    def settle_groups(
        self, key_of: Callable[[Content], Key | None], kind: Kind, reason: str, words: str
    ) -> None:
        """Match records of equal keys, and take them out of the pools."""
        theirs = grouped(_contents(self.quickbooks), key_of)
        ours = grouped(_contents(self.platform), key_of)
        for key, here in theirs.items():
            there = ours.get(key, [])
            if len(here) == 1 and len(there) == 1:
                self._pair(here[0], there[0], kind, reason)
            elif there:
                several = f"{len(here)} in QuickBooks and {len(there)} on the platform have {words}"
                self._several(here, there, several)
                self._several(there, here, several)

    def settle_edges(self, edges: Mapping[int, set[int]], reason: str) -> None:
        """Match records that fit each other: link in QuickBooks -> links on the platform."""
        back: dict[int, set[int]] = {}
        for here, fitting in edges.items():
            for there in fitting:
                back.setdefault(there, set()).add(here)
        for here in sorted(edges):
            candidates = sorted(edges[here])
            if len(candidates) == 1 and len(back[candidates[0]]) == 1:
                self._near(here, candidates[0], reason)
        for here, fitting in (*sorted(edges.items()), *sorted(back.items())):
            if self.proposals[here] is NOTHING_FITS:
                self._several([here], sorted(fitting), f"several fit: {reason}")

    def _near(self, here: int, there: int, reason: str) -> None:
        """Match two that nothing but their day keeps apart, if there is something to tell by."""
        if self._tell_nothing(here, there):
            words = f"{reason}; but they move no money, and their lines are not the same"
            self._several([here], [there], words)
            self._several([there], [here], words)
        else:
            self._pair(here, there, Kind.LIKELY, reason)

    def _tell_nothing(self, here: int, there: int) -> bool:
        """Whether an amount of nothing is all that they have in common."""
        theirs, ours = self.quickbooks[here].content, self.platform[there].content
        if not is_about_no_money(self.record_type, theirs):
            return False
        lines = lines_key(self.record_type, theirs)
        return not lines or lines != lines_key(self.record_type, ours)

    def _pair(self, here: int, there: int, kind: Kind, reason: str) -> None:
        theirs, ours = self.quickbooks.pop(here), self.platform.pop(there)
        depends = self._depends(theirs.content, ours.content)
        if kind is Kind.CERTAIN and not (theirs.whole and ours.whole):
            kind, reason = Kind.LIKELY, f"{reason}, but something else in it cannot be read"
        if kind is Kind.CERTAIN and self._contradict(theirs.content, ours.content):
            kind = Kind.LIKELY
            reason = f"{reason}, but {self.record_type.label} differs"
        self.proposals[here] = Proposal(kind, (there,), reason, 1, depends)
        self.proposals[there] = Proposal(kind, (here,), reason, 1, depends)

    def _contradict(self, theirs: Content, ours: Content) -> bool:
        """Whether their numbers say that they are two."""
        one, other = self.text(theirs), self.text(ours)
        return (
            is_numbered(self.record_type)
            and bool(one and other)
            and folded_number(one) != folded_number(other)
        )

    def _depends(self, theirs: Content, ours: Content) -> bool:
        """Whether their keys refer to records in doubt."""
        names = {name for key in self.record_type.match_keys for name in key}
        return any(
            theirs.get(name) != ours.get(name)
            and self.value(theirs, name) == self.value(ours, name)
            for name in names
            if isinstance(self.record_type.by_name[name], Reference)
        )

    def _several(self, here: Sequence[int], there: Sequence[int], reason: str) -> None:
        named = tuple(there[:CANDIDATES_MAX])
        for each in here:
            self.proposals[each] = Proposal(Kind.AMBIGUOUS, named, reason, len(there))
            self.quickbooks.pop(each, None)
            self.platform.pop(each, None)


def _by_id(records: Iterable[Unlinked]) -> dict[int, Unlinked]:
    return {each.link_id: each for each in sorted(records, key=lambda each: each.link_id)}


def _contents(records: Mapping[int, Unlinked]) -> dict[int, Content]:
    return {link_id: each.content for link_id, each in records.items()}


def _match_exactly(work: _Work, fields: tuple[str, ...]) -> None:
    amount, shared = work.record_type.amount, (*fields, *_currency_of(work.record_type))

    def key_of(content: Content) -> Key | None:
        if amount and content.get(amount) is None:
            return None
        values = tuple(work.value(content, name) for name in shared)
        return completed(work.record_type, fields, content, values)

    same = listed(fields)
    work.settle_groups(key_of, Kind.CERTAIN, f"the same {same}", f"the same {same}")


# -- names --


def _match_names(work: _Work) -> None:
    """Records that are known by what they are called, within their parent."""
    label = work.record_type.label
    key = next((each for each in work.record_type.match_keys if label in each), None)
    if key is None:
        return
    rest = tuple(name for name in key if name != label)
    within = f" within the same {listed(rest)}" if rest else ""
    stages: list[tuple[Callable[[str], object], str]] = [
        (folded, f"{label} is the same but for case, spaces and punctuation{within}")
    ]
    if work.record_type.is_list:
        stages.append((folded_name, f"{label} is the same but for spelling and legal form{within}"))
        stages.append(
            (lambda text: tuple(sorted(words_of(text))), f"the same words in {label}{within}")
        )
    words = f"a {label} that differs in spelling only{within}"
    for fold, reason in stages:
        key_of = partial(_name_key, work, rest, fold)
        work.settle_groups(key_of, Kind.LIKELY, reason, words)
    if work.record_type.is_list:
        work.settle_edges(_similar(work, rest), f"{label} is nearly the same{within}")


def _name_key(
    work: _Work, rest: tuple[str, ...], fold: Callable[[str], object], content: Content
) -> Key | None:
    text = work.text(content)
    if not text:
        return None
    return (fold(text), *(work.value(content, name) for name in rest))


def _similar(work: _Work, rest: tuple[str, ...]) -> dict[int, set[int]]:
    """Links whose names are alike: each is compared with its neighbours in two orders.

    A slip at the end of a name leaves it near the other in the order of its letters, a slip at the
    beginning in the order from behind.
    """
    blocks: dict[Key, tuple[dict[str, list[int]], dict[str, list[int]]]] = {}
    for side, records in ((0, work.quickbooks), (1, work.platform)):
        for link_id, each in records.items():
            key = _name_key(work, rest, folded_name, each.content)
            if key is not None:
                names = blocks.setdefault(key[1:], ({}, {}))[side]
                names.setdefault(str(key[0]), []).append(link_id)
    edges: dict[int, set[int]] = {}
    for theirs, ours in blocks.values():
        for one, other in _neighbours(theirs, ours):
            if are_similar(one, other):
                for link_id in theirs[one]:
                    edges.setdefault(link_id, set()).update(ours[other][:LOOKED_AT_MAX])
                for link_id in theirs[one][:LOOKED_AT_MAX]:
                    edges[link_id].update(ours[other])
    return edges


def _neighbours(theirs: Iterable[str], ours: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of a name of QuickBooks and one of the platform that stand near each other."""
    in_quickbooks, on_platform = set(theirs), set(ours)
    if not in_quickbooks or not on_platform:
        return
    seen: set[tuple[str, str]] = set()
    for backwards in (False, True):
        order = sorted(
            in_quickbooks | on_platform, key=lambda name: name[::-1] if backwards else name
        )
        for place, one in enumerate(order):
            for other in order[place + 1 : place + 1 + NEIGHBOURS]:
                for pair in ((one, other), (other, one)):
                    if pair[0] in in_quickbooks and pair[1] in on_platform and pair not in seen:
                        seen.add(pair)
                        yield pair


# -- documents --


def _match_documents(work: _Work) -> None:
    """Records that are about an amount: the same parties, amount and currency, and then some."""
    record_type = work.record_type
    block = _block_of(record_type)
    shared = f"the same {listed(block)}"
    number, numbered = record_type.label, is_numbered(record_type)
    if numbered:
        work.settle_groups(
            lambda content: _number_key(work, content, block),
            Kind.LIKELY,
            f"{shared}, and {number} is the same but for spelling",
            f"{shared} and a {number} that differs in spelling only",
        )
    if record_type.booked_on:
        near = f"{shared}, and {listed([record_type.booked_on])} at most 3 days apart"
        said = f", with {number} missing on a side" if numbered else ""
        work.settle_edges(_near_in_time(work, block), near + said)


def is_numbered(record_type: RecordType) -> bool:
    """Whether documents of the type are told apart by what they are called."""
    label = record_type.label
    return bool(record_type.amount) and any(label in key for key in record_type.match_keys)


def _block_of(record_type: RecordType) -> tuple[str, ...]:
    """The references of the first match key, the amount and its currency."""
    parents = [
        name
        for name in record_type.match_keys[0]
        if isinstance(record_type.by_name[name], Reference)
    ]
    return (*parents, record_type.amount, *_currency_of(record_type))


def _currency_of(record_type: RecordType) -> tuple[str, ...]:
    """The field without which an amount says nothing; none where the type is about no amount."""
    fields = record_type.fields if record_type.amount else ()
    return tuple(each.name for each in fields if isinstance(each, Currency))


@cache
def party_of(record_type: RecordType) -> str:
    """The first field that refers to somebody the company deals with; "" where none does."""
    for each in record_type.fields:
        if isinstance(each, Reference) and any(
            PARTY_FIELDS[0] in catalog()[name].fields for name in each.to
        ):
            return each.name
    return ""


def _block_key(work: _Work, content: Content, block: tuple[str, ...]) -> Key | None:
    if content.get(work.record_type.amount) is None:
        return None
    return tuple(work.value(content, name) for name in block)


def _number_key(work: _Work, content: Content, block: tuple[str, ...]) -> Key | None:
    key, text = _block_key(work, content, block), work.text(content)
    return (*key, folded_number(text)) if key is not None and text else None


def _near_in_time(work: _Work, block: tuple[str, ...]) -> dict[int, set[int]]:
    """Links of documents of one block whose days are near and whose numbers do not speak.

    Looking around from either side finds the same, also where only the first ones are looked at.
    """
    theirs, ours = _by_day(work, work.quickbooks, block), _by_day(work, work.platform, block)
    edges: dict[int, set[int]] = {}
    for key in theirs.keys() & ours.keys():
        for day, link_id in theirs[key]:
            for other in _within_days(ours[key], day):
                edges.setdefault(link_id, set()).add(other)
        for day, link_id in ours[key]:
            for other in _within_days(theirs[key], day):
                edges.setdefault(other, set()).add(link_id)
    fitting = {
        here: {each for each in there if _may_be_one(work, here, each)}
        for here, there in edges.items()
    }
    return {here: there for here, there in fitting.items() if there}


def _by_day(
    work: _Work, records: Mapping[int, Unlinked], block: tuple[str, ...]
) -> dict[Key, list[tuple[date, int]]]:
    """Block -> its documents' days and links, in order."""
    found: dict[Key, list[tuple[date, int]]] = {}
    for link_id, each in records.items():
        key, day = (
            _block_key(work, each.content, block),
            each.content.get(work.record_type.booked_on),
        )
        if key is not None and isinstance(day, date):
            found.setdefault(key, []).append((day, link_id))
    for days in found.values():
        days.sort()
    return found


def _within_days(days: Sequence[tuple[date, int]], day: date) -> Iterator[int]:
    """Links around a day, the first of them where there are very many."""
    start = bisect_left(days, (day - DAYS_APART_MAX, 0))
    end = bisect_left(days, (day + DAYS_APART_MAX + timedelta(days=1), 0))
    for _, link_id in days[start : min(end, start + LOOKED_AT_MAX)]:
        yield link_id


def _may_be_one(work: _Work, here: int, there: int) -> bool:
    """Whether neither number nor party says that they are two."""
    theirs, ours = work.quickbooks[here].content, work.platform[there].content
    if is_numbered(work.record_type) and work.text(theirs) and work.text(ours):
        return False
    party = party_of(work.record_type)
    if not party or not theirs.get(party) or not ours.get(party):
        return True
    return work.value(theirs, party) == work.value(ours, party)
