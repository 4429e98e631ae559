"""What a removal means is said for every record type, as its declaration has it."""

from __future__ import annotations

import pytest

from models.record_type import DeleteMeans, RecordType, catalog
from models.removals import EVENTS, removal_meanings


@pytest.mark.parametrize("record_type", catalog().values(), ids=str)
def test_every_record_type_says_what_a_removal_means(record_type: RecordType) -> None:
    meanings = removal_meanings(record_type)
    assert list(meanings) == [event for event in EVENTS if event in meanings]
    assert all(meanings.values())
    assert "deleted on the platform" in meanings
    is_list = record_type.delete_means is DeleteMeans.DEACTIVATE
    assert ("merged in QuickBooks" in meanings) == is_list
    assert ("made inactive in QuickBooks" in meanings) == is_list
    assert ("deleted in QuickBooks" in meanings) == (record_type.delete_means is DeleteMeans.DELETE)
    assert ("voided on the platform" in meanings) == bool(record_type.void_status)


@pytest.mark.parametrize(
    ("record_type", "event", "words"),
    [
        ("vendor", "deleted on the platform", "becomes inactive"),
        ("vendor", "merged in QuickBooks", "refers to the other one"),
        ("bill", "deleted on the platform", "deleted in QuickBooks for good"),
        ("bill", "voided in QuickBooks", "status 'voided'"),
        ("payment", "voided on the platform", "status 'voided' voids the payment"),
        ("company", "deleted on the platform", "nothing: QuickBooks leads"),
    ],
)
def test_meanings(record_type: str, event: str, words: str) -> None:
    assert words in removal_meanings(catalog()[record_type])[event]
