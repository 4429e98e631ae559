"""Files on their way to QuickBooks: what must be true before one is sent, and how it is sent.

A record type with a file (a receipt) is created in QuickBooks by an upload. What is stored with its
intent is what the file is, by name, size and SHA-256; the bytes are read from the platform when the
send leaves, and must still be that file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors.ports import Payload, RemoteAnswer, RemoteFile, RemoteWrite
from connectors.quickbooks.faults import local_error
from connectors.state.platform_port import Row
from connectors.state.port import Unit
from models.errors import MismatchError, RecordError, RemoteError
from models.file_rules import (
    FILE_KINDS,
    FileRules,
    changed_error,
    differing_error,
    duplicate_error,
    kind_error,
    kind_of,
    missing_error,
    size_error,
)
from models.intent import Intent
from models.plan import RecordPlan
from models.record_type import RecordType, catalog
from models.reference_fields import Reference
from models.words import Operation, Side
from tasks.candidate import Candidate
from tasks.context import Cycle

#: Where a stored body says which file it is of; QuickBooks never gets it.
_SHA256_KEY: Final = "sha256"


def is_upload(record_type: RecordType, operation: Operation | None) -> bool:
    """Whether such a write carries a file, and so goes alone."""
    return record_type.file is not None and operation is Operation.CREATE


# -- before anything is planned --


def held_back(
    unit: Unit, record_type: RecordType, candidates: Sequence[Candidate]
) -> dict[int, RecordError]:
    """Link -> why a record with a file cannot go on, as far as the rows tell.

    A new one of the platform may not be fit to be uploaded; of one that both sides have, the files
    may differ.
    """
    rules = record_type.file
    if rules is None:
        return {}
    errors = {
        each.link.id: error
        for each in candidates
        if (error := _other_file(unit, record_type, rules, each)) is not None
    }
    return errors | _unfit(unit, record_type, rules, candidates)


def _other_file(
    unit: Unit, record_type: RecordType, rules: FileRules, each: Candidate
) -> RecordError | None:
    """Why the files of both sides are not the same; QuickBooks can never replace one.

    Only the size tells: QuickBooks keeps no hash.
    """
    row, record = each.platform, each.quickbooks
    if row is None or not row.live or not sha256_of(row, rules) or each.gone_in_quickbooks:
        return None
    field = record_type.by_name[rules.size]
    held = record.get(field.quickbooks) if record is not None else None
    if held is None and record is None and each.link.quickbooks_id is not None:
        held = (each.link.base or {}).get(rules.size)
    size = unit.platform.file_size(record_type, row.id) if held is not None else None
    if size is None or size == held:
        return None
    return differing_error(size, held)


def _unfit(
    unit: Unit, record_type: RecordType, rules: FileRules, candidates: Sequence[Candidate]
) -> dict[int, RecordError]:
    """New receipts of the platform that cannot be uploaded."""
    rows = {
        each.link.id: each.platform
        for each in candidates
        if each.link.quickbooks_id is None and each.platform is not None and each.platform.live
    }
    errors: dict[int, RecordError] = {}
    for link_id, row in rows.items():
        name = row.values.get(record_type.by_name[rules.name].column)
        if isinstance(name, str) and name and (error := kind_error(name)) is not None:
            errors[link_id] = error
        elif not sha256_of(row, rules):
            errors[link_id] = missing_error(rules.sha256)
    return errors | _duplicates(unit, record_type, rules, rows)


def sha256_of(row: Row, rules: FileRules) -> str:
    """The SHA-256 that a row gives its file, in small letters; "" where it has none."""
    value = row.values.get(rules.sha256)
    return value.strip().lower() if isinstance(value, str) else ""


def _duplicates(
    unit: Unit, record_type: RecordType, rules: FileRules, rows: Mapping[int, Row]
) -> dict[int, RecordError]:
    """Rows whose file stands on the same document already, or is going to by an older row."""
    hashes = {found for row in rows.values() if (found := sha256_of(row, rules))}
    if not hashes:
        return {}
    taken = unit.platform.taken(record_type, rules.sha256, hashes)
    ids = {row_id for some in taken.values() for row_id in some}
    others = unit.platform.rows(record_type, ids)
    linked = unit.links_of(record_type.name, Side.PLATFORM, ids)
    sent = {row_id for row_id, link in linked.items() if link.quickbooks_id}
    document = record_type.by_name[rules.document]
    assert isinstance(document, Reference)
    errors: dict[int, RecordError] = {}
    for link_id, row in rows.items():
        target = document.target_on_platform(row.values)
        first = [
            other
            for other in taken.get(sha256_of(row, rules), [])
            if other != row.id
            and (other in sent or int(other) < int(row.id))
            and document.target_on_platform(others[other].values) == target
        ]
        if first:
            errors[link_id] = duplicate_error(rules.sha256, sha256_of(row, rules), first[0])
    return errors


# -- before it is sent --


def describe(cycle: Cycle, plan: RecordPlan, body: dict[str, Any]) -> None:
    """Say in the body of an upload which file it is of, after a look at the file.

    Raises:
        RecordError: the file is not there, is not the one that the row says, or too large; or what
            it documents is gone.
    """
    record_type, rules = plan.record_type, plan.record_type.file
    assert rules is not None, "only a record type with a file is uploaded"
    assert plan.link.platform_id is not None, "what is uploaded is on the platform"
    content = _checked(cycle, record_type, plan.link.platform_id)
    body[record_type.by_name[rules.size].quickbooks] = len(content)
    body[_SHA256_KEY] = hashlib.sha256(content).hexdigest()


def _checked(cycle: Cycle, record_type: RecordType, row_id: str) -> bytes:
    """A row's file, if it is what the row says and may be sent.

    Raises:
        RecordError: it is not.
    """
    rules = record_type.file
    assert rules is not None
    with cycle.state.begin() as unit:
        row = unit.platform.rows(record_type, [row_id]).get(row_id)
        size = unit.platform.file_size(record_type, row_id)
        if row is None or size is None or not sha256_of(row, rules):
            raise missing_error(rules.sha256)
        error = size_error(size, cycle.connection.settings.receipt_bytes_max)
        if error is not None:
            raise error
        content = unit.platform.file_of(record_type, row_id)
    if content is None:
        raise missing_error(rules.sha256)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256_of(row, rules):
        raise changed_error(rules.sha256, sha256_of(row, rules), found)
    return content


# -- sending --


def post(cycle: Cycle, intent: Intent, body: Payload, deadline: float) -> RemoteAnswer:
    """Send one write, with its file where it has one; a refusal is in the answer."""
    try:
        return cycle.quickbooks.post(remote_write(cycle, intent, body, deadline))
    except RemoteError as error:
        return RemoteAnswer(error=error)


def remote_write(cycle: Cycle, intent: Intent, body: Payload, deadline: float) -> RemoteWrite:
    """A stored write as it is sent.

    Raises:
        RejectedError: its file is not the planned one any more; nothing was sent.
    """
    record_type = catalog()[intent.record_type]
    file = None
    if is_upload(record_type, intent.operation):
        file = _file_of(cycle, record_type, intent, body)
        assert record_type.file is not None
        size = record_type.by_name[record_type.file.size].quickbooks
        body = {name: value for name, value in body.items() if name not in (_SHA256_KEY, size)}
    entity = record_type.entity
    return RemoteWrite(entity, intent.operation, body, intent.request_id, deadline, file)


def _file_of(cycle: Cycle, record_type: RecordType, intent: Intent, body: Payload) -> RemoteFile:
    with cycle.state.begin() as unit:
        link = unit.links({intent.link_id})[intent.link_id]
    assert link.platform_id is not None, "what is uploaded is on the platform"
    try:
        content = _checked(cycle, record_type, link.platform_id)
    except RecordError as error:
        raise local_error("file_changed", str(error), write=True) from error
    if hashlib.sha256(content).hexdigest() != body[_SHA256_KEY]:
        raise local_error("file_changed", "another file stands there now", write=True)
    assert record_type.file is not None
    name = str(body[record_type.by_name[record_type.file.name].quickbooks])
    # By the ending, which was checked: what people enter as a content type may be anything.
    return RemoteFile(name, FILE_KINDS[kind_of(name)], content)


# -- what came back --


def check_size(record_type: RecordType, intent: Intent, body: Payload, record: Payload) -> None:
    """Compare the size of an uploaded file with what QuickBooks says that it holds.

    Raises:
        MismatchError: it holds another number of bytes.
    """
    if not is_upload(record_type, intent.operation):
        return
    assert record_type.file is not None
    path = record_type.by_name[record_type.file.size].quickbooks
    sent, held = str(body[path]), str(record.get(path))
    if sent != held:
        raise MismatchError(
            f"QuickBooks stored {held} bytes of the file instead of {sent}",
            code="file_size_differs",
            field=record_type.file.size,
            value=held,
            fix="Open the file in QuickBooks. If it is damaged, delete the attachment there and "
            "add the receipt again.",
        )
