"""Match survey: what both sides may hold both, for people, before a first sync and after it.

Before the first sync of a record type both sides are read whole and compared as that sync would do
it, and neither is written; afterwards what is parked is compared as both sides hold it now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.ports import Payload
from connectors.state.platform_port import Row
from connectors.state.port import Unit
from models.codecs import decode
from models.matching import Kind, Proposal
from models.plan import Link
from models.record_type import RecordType, catalog
from models.words import Side
from tasks.context import Cycle
from tasks.matching import COMMAND, MATCH_CODES, compare, open_matches, values_of
from tasks.names import learn_names
from tasks.parents import load_parents
from tasks.pool import Pool
from tasks.reads import read_many
from tasks.steps import PLAIN, Steps


@dataclass
class Survey:
    """What both sides may hold both, record type by record type, parents first."""

    #: Record types that were never synced; all else is what is parked.
    first: frozenset[str]
    pools: dict[str, Pool] = field(default_factory=dict)
    proposals: dict[str, dict[int, Proposal]] = field(default_factory=dict)
    #: Pairs that are certain and linked, and not merged yet.
    linked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    #: Record type -> records that have no counterpart, of those that were compared or not.
    new: Counter[str] = field(default_factory=Counter)


def survey(cycle: Cycle, steps: Steps = PLAIN) -> Survey:
    """Compare what is unlinked; links are noted, no side is written and no cursor moves."""
    record_types = cycle.record_types
    with cycle.state.begin() as unit:
        first = open_matches(unit, record_types).first
    found = Survey(first)
    _compare_first(cycle, [each for each in record_types if each.name in first], found, steps)
    for record_type in record_types:
        if record_type.name not in first:
            _compare_parked(cycle, record_type, found)
    return found


def _compare_first(
    cycle: Cycle, record_types: Sequence[RecordType], found: Survey, steps: Steps
) -> None:
    """As a cycle does it, up to the pairing."""
    quickbooks = steps.extract_quickbooks(cycle, record_types)
    platform = steps.extract_platform(cycle, [each for each in record_types if cycle.own(each)])
    learn_names(cycle, quickbooks, platform)
    candidates = steps.pair(cycle, record_types, quickbooks, platform)
    found.pools |= cycle.matching.pools
    found.proposals |= cycle.matching.proposals
    with cycle.state.begin() as unit:
        for record_type in record_types:
            pool = Pool(record_type)
            for each in candidates:
                if each.record_type is not record_type or each.link.base is not None:
                    continue
                if each.link.quickbooks_id is None or each.link.platform_id is None:
                    known = found.proposals.get(record_type.name, {}).get(each.link.id)
                    found.new[record_type.name] += known is None or known.kind is Kind.NEW
                elif each.quickbooks is not None and each.platform is not None:
                    pool.links[each.link.id] = each.link
                    pool.quickbooks[each.link.id] = each.quickbooks
                    pool.platform[each.link.id] = each.platform
            found.linked[record_type.name] = _linked_rows(cycle, unit, pool)


def _linked_rows(cycle: Cycle, unit: Unit, pool: Pool) -> list[dict[str, Any]]:
    rows = [row.values for row in pool.platform.values()]
    load_parents(cycle, unit, pool.record_type, pool.quickbooks.values(), rows)
    return [
        {
            "record_type": pool.record_type.name,
            "match": Kind.CERTAIN.value,
            "reason": "linked; the first sync merges them",
            Side.QUICKBOOKS.value: _shown(
                cycle, pool.record_type, link, Side.QUICKBOOKS, pool.quickbooks[link_id]
            ),
            Side.PLATFORM.value: _shown(
                cycle, pool.record_type, link, Side.PLATFORM, pool.platform[link_id].values
            ),
        }
        for link_id, link in sorted(pool.links.items())
    ]


def _compare_parked(cycle: Cycle, record_type: RecordType, found: Survey) -> None:
    """What is parked in doubt, as both sides hold it now."""
    pool = Pool(record_type)
    with cycle.state.begin() as unit:
        waiting = [
            each.link_id
            for each in unit.parked([record_type.name])
            if each.code in MATCH_CODES.values() and each.link_id in cycle.matching.doubts
        ]
        links = unit.links(waiting)
        rows = unit.platform.rows(
            record_type, [each.platform_id for each in links.values() if each.platform_id]
        )
    ids = [each.quickbooks_id for each in links.values() if each.quickbooks_id]
    records = read_many(cycle, record_type, ids)
    for link in links.values():
        raw: Payload | Row | None = records.get(link.quickbooks_id or "")
        row = rows.get(link.platform_id or "")
        raw = raw or (row if row is not None and row.live else None)
        if raw is not None:
            pool.add(link, raw)
    with cycle.state.begin() as unit:
        found.proposals[record_type.name] = compare(cycle, unit, pool)
    found.pools[record_type.name] = pool
    kinds = Counter(each.kind for each in found.proposals[record_type.name].values())
    found.new[record_type.name] += kinds[Kind.NEW]


# -- what people see --


def counts_of(found: Survey) -> dict[str, dict[str, int]]:
    """Record type -> pairs that are certain and likely, records that are ambiguous and new."""
    names = [name for name in catalog() if name in {*found.proposals, *found.linked}]
    table: dict[str, dict[str, int]] = {}
    for name in names:
        kinds = Counter(each.kind for each in found.proposals.get(name, {}).values())
        table[name] = {
            Kind.CERTAIN.value: kinds[Kind.CERTAIN] // 2 + len(found.linked.get(name, ())),
            Kind.LIKELY.value: kinds[Kind.LIKELY] // 2,
            Kind.AMBIGUOUS.value: kinds[Kind.AMBIGUOUS],
            Kind.NEW.value: found.new[name],
        }
    return {name: row for name, row in table.items() if any(row.values())}


def rows_of(cycle: Cycle, found: Survey) -> list[dict[str, Any]]:
    """A row per pair, and per record that several fit, with what both sides hold."""
    rows: list[dict[str, Any]] = []
    for name in catalog():
        rows += found.linked.get(name, [])
        pool = found.pools.get(name)
        if pool is None:
            continue
        for link_id, each in sorted(found.proposals[name].items()):
            if link_id not in pool.links or (each.kind is Kind.NEW and name in found.first):
                continue
            paired = each.kind in (Kind.CERTAIN, Kind.LIKELY)
            if not paired or pool.side_of(link_id) is Side.QUICKBOOKS:
                rows.append(_row(cycle, pool, link_id, each))
    return rows


def _row(cycle: Cycle, pool: Pool, link_id: int, proposal: Proposal) -> dict[str, Any]:
    candidates = [
        _record_shown(cycle, pool, each) for each in proposal.candidates if each in pool.links
    ]
    own = _record_shown(cycle, pool, link_id)
    side = pool.side_of(link_id)
    row: dict[str, Any] = {
        "record_type": pool.record_type.name,
        "match": proposal.kind.value,
        "reason": proposal.reason or f"nothing fits any more; {COMMAND} --new says that it is new",
        Side.QUICKBOOKS.value: None,
        Side.PLATFORM.value: None,
    }
    row[side.value] = own
    if proposal.kind is Kind.AMBIGUOUS:
        row["candidates"] = candidates
        row["fitting"] = proposal.count
    elif candidates:
        row[side.other.value] = candidates[0]
    if proposal.depends:
        row["reason"] += ", once what it refers to is decided"
    return row


def _record_shown(cycle: Cycle, pool: Pool, link_id: int) -> dict[str, Any]:
    side = pool.side_of(link_id)
    raw: Payload = (
        pool.quickbooks[link_id] if side is Side.QUICKBOOKS else pool.platform[link_id].values
    )
    return _shown(cycle, pool.record_type, pool.links[link_id], side, raw)


def _shown(
    cycle: Cycle, record_type: RecordType, link: Link, side: Side, raw: Payload
) -> dict[str, Any]:
    content = decode(record_type, side, raw, cycle.references).content
    values = values_of(cycle, record_type, content)
    return {"id": link.side_id(side), "link": link.id, "values": values}
