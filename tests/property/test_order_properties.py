"""Parents go before their children, and no record is lost, whatever the tree looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.merge import Merge, Outcome
from models.plan import Link, RecordPlan, generations, parents_first
from models.record_type import catalog, in_data_types, with_parents
from models.records import reference
from models.words import DataType

ACCOUNT = catalog()["account"]
#: Link -> its parent's link or None; parents may be missing, themselves, or go round in circles.
FORESTS = st.dictionaries(st.integers(1, 12), st.none() | st.integers(1, 14), max_size=12)


def plans(forest: dict[int, int | None]) -> list[RecordPlan]:
    """Plans for accounts with these parents."""
    return [
        RecordPlan(
            record_type=ACCOUNT,
            link=Link(link, "account", None, str(link), str(link), None, None, None),
            merge=Merge(
                Outcome.CREATE_IN_QUICKBOOKS,
                {"name": str(link), "parent": reference("account", parent) if parent else None},
            ),
            quickbooks=None,
            platform=None,
            read_from=frozenset(),
        )
        for link, parent in forest.items()
    ]


def is_in_circle(forest: dict[int, int | None], link: int) -> bool:
    """Whether a record is above itself."""
    seen: set[int] = set()
    above = forest.get(link)
    while above is not None and above in forest and above not in seen:
        if above == link:
            return True
        seen.add(above)
        above = forest[above]
    return False


@given(FORESTS)
def test_parents_come_first_and_all_stay(forest: dict[int, int | None]) -> None:
    """The order holds every record once, each after its parent, but for circles."""
    order = [each.link.id for each in parents_first(plans(forest))]
    assert sorted(order) == sorted(forest)
    for link, parent in forest.items():
        if parent in forest and not is_in_circle(forest, link):
            assert order.index(parent) < order.index(link)


@given(FORESTS)
def test_a_generation_needs_only_earlier_ones(forest: dict[int, int | None]) -> None:
    """Groups can be written one after the other, each in any order within."""
    groups = [[each.link.id for each in group] for group in generations(plans(forest))]
    assert sorted(link for group in groups for link in group) == sorted(forest)
    assert all(groups), "no generation is empty"
    level = {link: number for number, group in enumerate(groups) for link in group}
    for link, parent in forest.items():
        if parent in forest and not is_in_circle(forest, link):
            assert level[parent] < level[link]


@given(st.sets(st.sampled_from(DataType)))
def test_record_types_come_after_all_they_refer_to(data_types: set[DataType]) -> None:
    """With any choice of data types, what a record type needs is there and stands before it."""
    chosen = with_parents(in_data_types(data_types))
    names = [each.name for each in chosen]
    assert len(names) == len(set(names))
    for each in in_data_types(data_types):
        assert each.name in names
    for each in chosen:
        assert {names.index(parent) for parent in each.parents} <= set(
            range(names.index(each.name))
        )


def test_the_catalog_has_no_empty_answer() -> None:
    """Every data type has a record type, so that switching it on does something."""
    for data_type in DataType:
        assert in_data_types([data_type]), data_type


@pytest.mark.parametrize("name", catalog())
def test_each_record_type_names_its_parents(name: str) -> None:
    """A record type never waits for itself or for one that does not exist."""
    assert name not in catalog()[name].parents
    assert catalog()[name].parents <= set(catalog())
