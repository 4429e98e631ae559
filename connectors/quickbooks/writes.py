"""Turns a planned write into a request, and its answer into a record or an error.

Bodies are sparse (a full update would clear what it leaves out), a delete sends Id and SyncToken
only, and batch ids are "0" to "29" by place, so that the same writes under the same request id are
the same batch. Source: reference quickbooks-api, sections 2, 3 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from urllib3 import encode_multipart_formdata

from connectors.ports import Payload, RemoteAnswer, RemoteFile, RemoteWrite
from connectors.quickbooks import exact_json
from connectors.quickbooks.faults import fault_error, local_error, read_fault
from connectors.quickbooks.transport import Call
from models.errors import FieldError, RemoteError
from models.words import Operation

BATCH_WRITES_MAX = 30
_REQUEST_ID_CHARACTERS_MAX = 36

#: How a void is asked for; every other entity has none (section 3.4).
_VOID_PARAMS: Mapping[str, Mapping[str, str]] = {
    "Invoice": {"operation": "void"},
    "BillPayment": {"operation": "update", "include": "void"},
    "Payment": {"operation": "update", "include": "void"},
    "SalesReceipt": {"operation": "update", "include": "void"},
}


def write_call(write: RemoteWrite) -> Call:
    """Build the request of one write.

    Raises:
        RejectedError: QuickBooks has no such action, or the body is not exact; nothing was sent.
    """
    check_request_id(write.request_id)
    if write.file is not None:
        return _upload_call(write, write.file)
    params: dict[str, str] = {}
    if write.operation is Operation.DELETE:
        params["operation"] = "delete"
    elif write.operation is Operation.VOID:
        params.update(_void_params(write.entity))
    params["requestid"] = write.request_id
    return Call(
        kind=write.operation.value,
        method="POST",
        path=write.entity.lower(),
        params=params,
        body=_encode(_body(write)),
        write=True,
        metered=False,
    )


def _upload_call(write: RemoteWrite, file: RemoteFile) -> Call:
    """Build the request that creates an attachment with its file (section 10.6)."""
    assert write.operation is Operation.CREATE, "a file is uploaded once"
    parts = [
        ("file_metadata_01", ("attachment.json", _encode(write.body), "application/json")),
        ("file_content_01", (file.name, file.content, file.content_type)),
    ]
    body, content_type = encode_multipart_formdata(parts)
    return Call(
        kind="upload",
        method="POST",
        path="upload",
        params={"requestid": write.request_id},
        body=body,
        content_type=content_type,
        write=True,
        metered=False,
        is_upload=True,
    )


def batch_call(items: Mapping[int, bytes], request_id: str) -> Call:
    """Build the request of a batch from its encoded items."""
    check_request_id(request_id)
    body = b'{"BatchItemRequest":[' + b",".join(items.values()) + b"]}"
    return Call("batch", "POST", "batch", {"requestid": request_id}, body, write=True)


def batch_item(place: int, write: RemoteWrite) -> bytes:
    """Encode one item of a batch.

    Raises:
        RejectedError: as `write_call`.
    """
    assert write.file is None, "a file cannot go in a batch"
    operation = write.operation.value
    item: dict[str, object] = {"bId": str(place), "operation": operation}
    if write.operation is Operation.VOID:
        _void_params(write.entity)
        item.update(operation="update", optionsData="void")
    item[write.entity] = _body(write)
    return _encode(item)


def read_write(answer: Mapping[str, Any], write: RemoteWrite, intuit_tid: str) -> RemoteAnswer:
    """Read the record out of a successful answer; without it the outcome is unknown."""
    if write.file is not None:
        # An upload answers with a list of one, which may hold a fault although the call went well.
        listed = answer.get(f"{write.entity}Response")
        first = listed[0] if isinstance(listed, list) and len(listed) == 1 else None
        answer = first if isinstance(first, Mapping) else {}
        fault = answer.get("Fault", answer.get("fault"))
        if isinstance(fault, Mapping):
            return refused(fault_error(read_fault(fault), write=True, intuit_tid=intuit_tid))
    record = answer.get(write.entity)
    if isinstance(record, Mapping) and record.get("Id"):
        return RemoteAnswer(record=record, intuit_tid=intuit_tid)
    detail = f"no {write.entity} in the answer"
    error = local_error("incomplete", detail, write=True, status=200, intuit_tid=intuit_tid)
    return RemoteAnswer(error=error, intuit_tid=intuit_tid)


def read_batch(
    answer: Mapping[str, Any], writes: Sequence[RemoteWrite], intuit_tid: str
) -> list[RemoteAnswer]:
    """Read a batch's answer in the order of the writes; a missing item is unknown."""
    listed = answer.get("BatchItemResponse")
    by_place: dict[str, list[Payload]] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, Mapping):
            by_place.setdefault(str(item.get("bId")), []).append(item)
    return [
        _read_item(by_place.get(str(place), []), write, intuit_tid)
        for place, write in enumerate(writes)
    ]


def refused(error: RemoteError, intuit_tid: str = "") -> RemoteAnswer:
    """Wrap an error as the answer of a write."""
    return RemoteAnswer(error=error, intuit_tid=error.fault.intuit_tid or intuit_tid)


def earliest_deadline(writes: Sequence[RemoteWrite]) -> float | None:
    """When a batch of these writes must have left, None for at any time."""
    return min((each.deadline for each in writes if each.deadline is not None), default=None)


def check_request_id(request_id: str) -> None:
    """Assert what QuickBooks needs of a request id."""
    assert 0 < len(request_id) <= _REQUEST_ID_CHARACTERS_MAX, f"request id {request_id!r}"


def _read_item(items: Sequence[Payload], write: RemoteWrite, intuit_tid: str) -> RemoteAnswer:
    """Read what a batch says about one write."""
    if len(items) != 1:
        detail = f"the batch answered this item {len(items)} times"
        error = local_error("incomplete", detail, write=True, status=200, intuit_tid=intuit_tid)
        return RemoteAnswer(error=error, intuit_tid=intuit_tid)
    fault = items[0].get("Fault", items[0].get("fault"))
    if isinstance(fault, Mapping):
        return refused(fault_error(read_fault(fault), write=True, intuit_tid=intuit_tid))
    return read_write(items[0], write, intuit_tid)


def _body(write: RemoteWrite) -> Payload:
    """Return the body that an operation sends."""
    assert write.entity.isalpha(), f"not an entity name: {write.entity!r}"
    if write.operation is Operation.CREATE:
        return write.body
    assert write.body.get("Id"), f"{write.operation} of a {write.entity} needs its Id"
    assert "SyncToken" in write.body, f"{write.operation} of a {write.entity} needs its SyncToken"
    if write.operation is Operation.UPDATE:
        return {"sparse": True, **write.body}
    key = {"Id": write.body["Id"], "SyncToken": write.body["SyncToken"]}
    if write.operation is Operation.VOID and write.entity != "Invoice":
        return {**key, "sparse": True}
    return key


def _void_params(entity: str) -> Mapping[str, str]:
    """Return how a void of this entity is asked for."""
    if entity not in _VOID_PARAMS:
        raise local_error("no_void", f"a {entity} cannot be voided by an app", write=True)
    return _VOID_PARAMS[entity]


def _encode(body: Payload) -> bytes:
    """Encode a body; what is not exact is refused before anything is sent."""
    try:
        return exact_json.encode(body)
    except FieldError as error:
        raise local_error("not_exact", str(error), write=True, element=error.field) from None
