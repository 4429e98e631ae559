"""Receipts: files that document what was bought (quickbooks-api 10.6, Attachable)."""

from __future__ import annotations

from models.checks import present_check
from models.fields import Number, Raw, Text, value_at
from models.file_rules import FileRules
from models.marker import NOTE_RESERVE, Marking, Note
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Reference
from models.words import DataType, Owner

_ENTITY = "AttachableRef.0.EntityRef"
#: What a receipt may hang on, and QuickBooks's word for it. One of an expense that was posted as a
#: bill hangs on both on the platform, and on the bill in QuickBooks.
DOCUMENTED = {"bill": "Bill", "expense": "Purchase", "vendor_credit": "VendorCredit"}


def hangs_on_a_purchase(raw: Raw) -> bool:
    """Whether a file of QuickBooks documents something bought; others are not ours to sync."""
    word = str(value_at(raw, f"{_ENTITY}.type") or "").casefold()
    return bool(raw.get("FileName")) and word in {each.casefold() for each in DOCUMENTED.values()}


RECORD_TYPE = RecordType(
    name="receipt",
    plural="receipts",
    data_type=DataType.EXPENSES,
    entity="Attachable",
    table="receipts",
    meaning="A file that documents an expense, bill or vendor credit.",
    label="file_name",
    delete_means=DeleteMeans.DELETE,
    match_keys=(("file_name", "documents", "size"),),
    marking=Marking(note="note"),
    takes=hangs_on_a_purchase,
    # What people say of a file in QuickBooks; a full update would clear what it leaves out.
    always_sent=("Category", "Tag", "Lat", "Long", "PlaceName"),
    full_updates=True,
    file=FileRules(name="file_name", size="size", document="documents", sha256="sha256"),
    fields=(
        Text(
            name="file_name",
            quickbooks="FileName",
            length_max=500,
            required=True,
            create_only=True,
            meaning="With its ending, which says what kind of file it is.",
        ),
        Reference(
            name="documents",
            quickbooks=f"{_ENTITY}.value",
            to=tuple(DOCUMENTED),
            bare=True,
            required=True,
            create_only=True,
            type_path=f"{_ENTITY}.type",
            type_words=DOCUMENTED,
            columns={name: f"{name}_id" for name in DOCUMENTED},
            meaning="What it is the receipt of.",
        ),
        Text(
            name="content_type",
            quickbooks="ContentType",
            length_max=100,
            create_only=True,
            normalised=True,
        ),
        Number(
            name="size",
            quickbooks="Size",
            owner=Owner.QUICKBOOKS,
            meaning="Bytes.",
        ),
        Note(name="note", quickbooks="Note", length_max=2_000 - NOTE_RESERVE),
    ),
    checks=(present_check("file_name"), present_check("documents")),
)
