"""The file that a record type such as a receipt consists of: its kinds, and what can be wrong.

QuickBooks takes 17 kinds of files, told by the ending of the name, of at most 100 MB a request
(quickbooks-api 10.6, faults 6041 and 6050). The bytes stand apart from the record; the record knows
them by their SHA-256, which is empty until the file is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from models.errors import RecordError

#: What QuickBooks takes in one request (section 10.6), in bytes.
FILE_BYTES_MAX: Final = 100_000_000

#: Ending of the name -> content type, for all that QuickBooks takes.
FILE_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ai": "application/postscript",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "eps": "application/postscript",
        "gif": "image/gif",
        "jpeg": "image/jpeg",
        "jpg": "image/jpeg",
        "ods": "application/vnd.oasis.opendocument.spreadsheet",
        "pdf": "application/pdf",
        "png": "image/png",
        "rtf": "application/rtf",
        "tif": "image/tiff",
        "txt": "text/plain",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xml": "application/xml",
    }
)


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """Where a record says what its file is."""

    #: Field with the file's name.
    name: str
    #: Field with the number of bytes.
    size: str
    #: Field that refers to what the file documents.
    document: str
    #: Platform column with the SHA-256 of the file, in hexadecimal; empty where there is none.
    sha256: str


class FileNotThereError(RecordError):
    """The record is there and its file is not yet: it waits, and is looked at again by itself."""


def kind_of(file_name: str) -> str:
    """The ending of a file's name in small letters; "" where it has none."""
    stem, dot, ending = file_name.rpartition(".")
    return ending.lower() if dot and stem else ""


def kind_error(file_name: str) -> RecordError | None:
    """Why QuickBooks would not take a file of this name; None where it would (fault 6041)."""
    kind = kind_of(file_name)
    if kind in FILE_KINDS:
        return None
    return RecordError(
        f"file_name is {file_name!r}: QuickBooks takes no {kind or 'files without an ending'}",
        code="file_kind",
        field="file_name",
        value=file_name,
        fix=f"Delete this receipt and add the file as one of: {', '.join(FILE_KINDS)}.",
    )


def size_error(size: int, bytes_max: int) -> RecordError | None:
    """Why a file of so many bytes cannot be sent; None where it can (fault 6050)."""
    if size == 0:
        return RecordError(
            "the file is empty",
            code="file_empty",
            field="size",
            value=0,
            fix="Delete this receipt and add the file again.",
        )
    if size <= bytes_max:
        return None
    return RecordError(
        f"the file has {size:,} bytes, more than the {bytes_max:,} that are sent",
        code="file_too_large",
        field="size",
        value=size,
        fix=f"Delete this receipt and add a smaller copy, of at most {bytes_max:,} bytes.",
    )


def missing_error(column: str) -> FileNotThereError:
    """The error of a receipt whose file has not arrived on the platform yet."""
    return FileNotThereError(
        "the receipt is there, its file is not on the platform yet",
        code="file_missing",
        field=column,
        fix=f"Nothing to do if it is on its way: it goes on when the file is stored and {column} "
        "is set. If it never comes, add it or delete the receipt.",
    )


def changed_error(column: str, said: str, found: str) -> RecordError:
    """The error of a file that is not the one that the record says."""
    return RecordError(
        f"{column} is {said or 'empty'}, and the stored file has {found}",
        code="file_differs",
        field=column,
        value=said,
        fix=f"Store the right file, or set {column} to the SHA-256 of the one that is stored.",
    )


def differing_error(size: object, held: object) -> RecordError:
    """The error of a receipt whose files on the two sides have different sizes."""
    return RecordError(
        f"the file has {size} bytes on the platform and {held} in QuickBooks",
        code="file_size_differs",
        field="size",
        value=held,
        fix="QuickBooks never replaces a file. If it was replaced on the platform, put the old one "
        "back and add the new one as another receipt; if QuickBooks's is damaged, delete it there "
        "and add the receipt again.",
    )


def not_whole_error(sent: object, held: object, quickbooks_id: object) -> RecordError:
    """The error of an upload without an answer, of which QuickBooks holds something else."""
    return RecordError(
        f"QuickBooks did not answer, and holds {held} bytes of the file as {quickbooks_id} "
        f"instead of {sent}",
        code="file_size_differs",
        field="size",
        value=held,
        fix="Delete the attachment in QuickBooks, then retry this record.",
    )


def unreadable_file_error(kind: str) -> RecordError:
    """The error of something stored in place of a file."""
    return RecordError(
        f"what is stored as the file is {kind}, not bytes",
        code="file_unreadable",
        field="content",
        value=kind,
        fix="Store the file's bytes again, or delete the receipt.",
    )


def duplicate_error(column: str, sha256: str, other: str) -> RecordError:
    """The error of a second receipt with the same file for the same document."""
    return RecordError(
        f"receipt {other} is the same file for the same document",
        code="duplicate_file",
        field=column,
        value=sha256,
        fix=f"Delete this one on the platform; or delete receipt {other} and retry this one.",
    )
