"""What it means on the other side that a record goes away, derived from what its type declares.

For people: the documentation and the list of record types show it. What is done is decided in
`models.merge` and `models.plan`, by the same declarations.
"""

from __future__ import annotations

from models.record_type import DeleteMeans, RecordType

#: What can happen to a record, in the order in which it is told.
EVENTS = (
    "deleted on the platform",
    "voided on the platform",
    "deleted in QuickBooks",
    "voided in QuickBooks",
    "made inactive in QuickBooks",
    "merged in QuickBooks",
    "deleted on one side and edited on the other",
    "back after it was deleted on both sides",
)


def removal_meanings(record_type: RecordType) -> dict[str, str]:
    """Event -> what it means for the other side, for each event that this record type knows."""
    meanings = {
        DeleteMeans.DEACTIVATE: _of_list_entry,
        DeleteMeans.DELETE: _of_transaction,
        DeleteMeans.KEEP: _of_kept,
    }[record_type.delete_means](record_type)
    return {event: meanings[event] for event in EVENTS if event in meanings}


def _of_list_entry(record_type: RecordType) -> dict[str, str]:
    name = record_type.name
    return {
        "deleted on the platform": f"the {name} becomes inactive in QuickBooks, which deletes no "
        "entry of a list; what refers to it stays as it is",
        "made inactive in QuickBooks": f"the {name} becomes inactive on the platform and can be "
        "made active again on either side",
        "merged in QuickBooks": f"what referred to the {name} refers to the other one on the "
        "platform too, and then its row is marked as deleted",
        **_for_all(name),
    }


def _of_transaction(record_type: RecordType) -> dict[str, str]:
    name, void = record_type.name, record_type.void_status
    meanings = {
        "deleted on the platform": f"the {name} is deleted in QuickBooks for good",
        "deleted in QuickBooks": f"the {name} is marked as deleted on the platform",
        **_for_all(name),
    }
    if void:
        meanings["voided on the platform"] = (
            f"status {void!r} voids the {name} in QuickBooks, which keeps it with zero amounts"
        )
    if record_type.voidable:
        said = "status 'voided'" if "status" in record_type.by_name else "'Voided' before its note"
        meanings["voided in QuickBooks"] = (
            f"the {name} keeps its row on the platform, with zero amounts and {said}"
        )
    return meanings


def _of_kept(record_type: RecordType) -> dict[str, str]:
    name = record_type.name
    return {
        "deleted on the platform": f"nothing: QuickBooks leads and keeps the {name}; the deletion "
        "waits for a person",
    }


def _for_all(name: str) -> dict[str, str]:
    return {
        "deleted on one side and edited on the other": "nothing is written: it waits for a person, "
        "with both versions",
        "back after it was deleted on both sides": f"it is not made again on the other side: the "
        f"{name} stays deleted there and waits for a person",
    }
