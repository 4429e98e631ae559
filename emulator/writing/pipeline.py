"""The life of one write: create, full or sparse update, void, delete.

A body with an Id is an update, one without is a create. In a full update every writable field that
is left out becomes empty; in a sparse one it stays. Lines are replaced as a whole either way. An
update that changes nothing leaves SyncToken and times alone.
Source: dossier section 3; notes on recorded data, "Change tracking".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator import exact_json, faults
from emulator.clock import stamp
from emulator.company import later_stamp
from emulator.entities import ENTITIES
from emulator.writing import links, posting, references
from emulator.writing.behaviours import BEHAVIOURS
from emulator.writing.documents import number_addresses, refuse_closed, refuse_deposited
from emulator.writing.draft import Draft, amount
from emulator.writing.names import carry_path
from emulator.writing.properties import clean
from emulator.writing.voiding import SERVER_LINKS, is_by_hand_only, is_void, may_void, voided

if TYPE_CHECKING:
    from emulator.company import Author, Company, Record
    from emulator.entities.declaration import Entity

#: Entities whose ids may be words.
_NAMED_IDS = frozenset({"TaxCode", "ExchangeRate"})
_DELETE_FIELDS_REFUSED = "Ex"


@dataclass(frozen=True)
class WriteContext:
    """Who writes and with which words in the query string."""

    author: Author
    request_id: str = ""
    #: Words of the `include` parameter.
    include: frozenset[str] = frozenset()


def save(company: Company, entity: Entity, body: Any, context: WriteContext) -> Record:
    """Create a record, or update it when the body has an Id; return it as stored."""
    if not isinstance(body, dict):
        raise faults.unreadable_json()
    _refuse_ended(company)
    if entity.keyed_by:
        body = _known_by_key(company, entity, body)
    with company.atomic():
        if body.get("Id") in (None, ""):
            return _create(company, entity, body, context)
        return _update(company, entity, body, context)


def void(company: Company, entity: Entity, body: Any, context: WriteContext) -> Record:
    """Zero a transaction and keep it; return it as stored.

    What only people void must not be linked to payments: nothing says what would become of those.
    """
    if not may_void(entity, context.author):
        raise faults.unsupported(f"Void {entity.name}")
    _refuse_ended(company)
    with company.atomic():
        before = _current(company, entity, body)
        _refuse_frozen(company, before)
        if is_void(before):
            return before
        if is_by_hand_only(entity):
            _refuse_linked(entity, before, "void")
        _refuse_deposited_payers(company, before)
        after = voided(entity, before)
        draft = Draft(entity, company, context.author, before, {}, after, sparse=True)
        links.release(company, entity.name, before, None)
        return _store(draft, "void", body, context)


def delete(company: Company, entity: Entity, body: Any, context: WriteContext) -> Record:
    """Delete a transaction for good; return the short answer QuickBooks gives."""
    if "delete" not in entity.verbs:
        raise faults.unsupported(f"Delete {entity.name}")
    _refuse_ended(company)
    if isinstance(body, dict):
        for name in body:
            if name.endswith(_DELETE_FIELDS_REFUSED) or name not in entity.fields:
                raise faults.unknown_property(name, entity.name, sorted(entity.fields))
    with company.atomic():
        before = _current(company, entity, body)
        _refuse_frozen(company, before)
        _refuse_linked(entity, before, "delete")
        record_id = str(before["Id"])
        links.relink(company, entity.name, before, None)
        posting.post(company, entity.name, before, None)
        company.remove(entity.name, record_id)
        company.write_journal(
            context.author,
            (entity.name, record_id),
            "delete",
            request_id=context.request_id,
            body=body,
        )
    return {"status": "Deleted", "domain": "QBO", "Id": record_id}


def _known_by_key(company: Company, entity: Entity, body: Record) -> Record:
    """Return a body with the Id of the record that has the same key, if there is one."""
    today = company.clock.today().isoformat()
    key = [str(body.get(name) or today) for name in entity.keyed_by]
    record = company.get(entity.name, "-".join([key[0].upper(), *key[1:]]))
    if record is None:
        return {name: value for name, value in body.items() if name != "Id"}
    return {"SyncToken": record["SyncToken"], **body, "Id": record["Id"]}


def _refuse_ended(company: Company) -> None:
    if company.options.subscription_ended:
        raise faults.subscription_ended()


def _create(company: Company, entity: Entity, body: Record, context: WriteContext) -> Record:
    if "create" not in entity.verbs:
        raise faults.unsupported(f"Create {entity.name}")
    sent = clean(entity, body)
    _require(entity, sent, sparse=False)
    references.resolve(company, entity.fields, sent, None)
    after = exact_json.copy(dict(entity.defaults))
    after.update({name: value for name, value in sent.items() if value is not None})
    after["Id"] = company.next_id(entity)
    draft = Draft(entity, company, context.author, None, sent, after, include=context.include)
    _behave(draft)
    return _store(draft, "create", body, context)


def _update(company: Company, entity: Entity, body: Record, context: WriteContext) -> Record:
    if "update" not in entity.verbs:
        raise faults.unsupported(f"Update {entity.name}")
    sparse = str(body.get("sparse", "false")).lower() == "true" and not entity.full_only
    sent = clean(entity, body)
    before = _current(company, entity, body)
    _require(entity, sent, sparse=sparse)
    references.resolve(company, entity.fields, sent, before)
    after = _merge_sparse(entity, before, sent) if sparse else _merge_full(entity, before, sent)
    if "LinkedTxn" in entity.fields and "Line" in entity.fields:
        _keep_server_links(before, sent, after)
    draft = Draft(
        entity, company, context.author, before, sent, after, sparse=sparse, include=context.include
    )
    _behave(draft)
    return _store(draft, "update", body, context)


def _require(entity: Entity, sent: Record, *, sparse: bool) -> None:
    for name in entity.required(sparse=sparse):
        if sent.get(name) is None:
            raise faults.missing(name)
    for name, declared in entity.fields.items():
        emptied = name in sent and sent[name] is None
        if sparse and emptied and "required" in declared.flags and "keep" not in declared.flags:
            raise faults.missing(name)


def _merge_sparse(entity: Entity, before: Record, sent: Record) -> Record:
    after = dict(before)
    for name, value in sent.items():
        flags = entity.fields[name].flags
        if "fixed" in flags or (value is None and "keep" in flags):
            continue
        if value is None:
            after.pop(name, None)
        elif entity.group == "single" and isinstance(value, dict):
            # A group of preferences is merged, so that one switch can be set alone.
            after[name] = {**(before.get(name) or {}), **value}
        else:
            after[name] = value
    return after


def _merge_full(entity: Entity, before: Record, sent: Record) -> Record:
    after = {
        name: value
        for name, value in before.items()
        if name not in entity.fields or entity.fields[name].flags & {"readonly", "fixed"}
    }
    after.update(exact_json.copy(dict(entity.defaults)))
    after.update(
        {
            name: value
            for name, value in sent.items()
            if value is not None and "fixed" not in entity.fields[name].flags
        }
    )
    return after


def _keep_server_links(before: Record, sent: Record, after: Record) -> None:
    """Keep the links that other transactions put here; they are not the client's to change."""
    stored = before.get("LinkedTxn")
    server = [link for link in stored or [] if link.get("TxnType") in SERVER_LINKS]
    if "LinkedTxn" in sent:
        own = [link for link in sent["LinkedTxn"] or [] if link.get("TxnType") not in SERVER_LINKS]
        merged = [*own, *server]
        same = stored is not None and sorted(map(str, merged)) == sorted(map(str, stored))
        after["LinkedTxn"] = stored if same else merged
    elif stored is not None:
        after["LinkedTxn"] = stored if after.get("LinkedTxn") is stored else server


def _current(company: Company, entity: Entity, body: Any) -> Record:
    """Return the stored record a body means, if its SyncToken is the current one."""
    if not isinstance(body, dict):
        raise faults.unreadable_json()
    for name in ("Id", "SyncToken"):
        if body.get(name) in (None, ""):
            raise faults.missing(name)
    record = read(company, entity, str(body["Id"]))
    if str(body["SyncToken"]) != str(record["SyncToken"]):
        who = company.modified_by.get((entity.name, str(record["Id"])), "root")
        raise faults.stale(who)
    return record


def read(company: Company, entity: Entity, record_id: str) -> Record:
    """Return a record by id; a transaction of another type is named in the refusal."""
    record = company.get(entity.name, record_id)
    if record is not None:
        return record
    if entity.name not in _NAMED_IDS and not record_id.lstrip("-").isdecimal():
        raise faults.invalid_id(record_id)
    other = company.transaction_types.get(record_id) if entity.is_transaction else None
    if other is not None:
        raise faults.wrong_transaction_type(ENTITIES[other].title, entity.title)
    raise faults.not_found()


def _refuse_frozen(company: Company, before: Record) -> None:
    refuse_closed(company.preference("AccountingInfoPrefs", "BookCloseDate"), before)
    refuse_deposited(before)


def _refuse_deposited_payers(company: Company, before: Record) -> None:
    """Refuse to void what was paid with money that is in a deposit by now."""
    for payer_entity, payer_id in links.payers(before):
        payer = company.get(payer_entity, payer_id)
        if payer is not None:
            refuse_deposited(payer)


def _refuse_linked(entity: Entity, before: Record, action: str) -> None:
    paid = entity.name in {"Invoice", "Bill", "VendorCredit"} and links.payers(before)
    used = entity.name == "CreditMemo" and amount(before, "RemainingCredit") != amount(
        before, "TotalAmt"
    )
    if paid or used:
        raise faults.business(
            f"This transaction is linked to others. Unlink them before you {action} it."
        )


def _behave(draft: Draft) -> None:
    number_addresses(draft)
    for name in draft.entity.behaviours:
        BEHAVIOURS[name](draft)


def _store(draft: Draft, operation: str, body: Record, context: WriteContext) -> Record:
    """Stamp and store a draft, and carry its effects into links, balances and names."""
    company, entity, before, after = draft.company, draft.entity, draft.before, draft.after
    if before is not None and _same(before, after):
        return before
    after.update({"domain": "QBO", "sparse": False})
    after["SyncToken"] = "0" if before is None else str(int(before["SyncToken"]) + 1)
    after["MetaData"] = _meta_data(draft)
    record_id = str(after["Id"])
    company.put(entity.name, after)
    links.relink(company, entity.name, before, after)
    if draft.excess:
        links.release(company, entity.name, after, draft.excess)
    posting.post(company, entity.name, before, after)
    _carry_name(company, entity, before, after)
    company.write_journal(
        context.author,
        (entity.name, record_id),
        operation,
        request_id=context.request_id,
        body=body,
    )
    for follower, follower_body in draft.followers:
        _create(company, ENTITIES[follower], follower_body, WriteContext(context.author))
    return company.records[entity.name][record_id]


def _same(before: Record, after: Record) -> bool:
    """Say whether two states of a record differ in nothing that a person could have edited."""
    return bool(_substance(before) == _substance(after))


def _substance(value: Any) -> Any:
    """Return a value without what the server keeps about it: tokens, times, names of references."""
    if isinstance(value, list):
        return [_substance(member) for member in value]
    if not isinstance(value, dict):
        return value
    if "value" in value and "name" in value:
        return {name: member for name, member in value.items() if name != "name"}
    ignored = {"MetaData", "SyncToken"}
    return {name: _substance(member) for name, member in value.items() if name not in ignored}


def _meta_data(draft: Draft) -> Record:
    now = draft.company.clock.now()
    before = (draft.before or {}).get("MetaData") or {}
    meta: Record = {"CreateTime": before.get("CreateTime", stamp(now))}
    if draft.entity.shows_modifier:
        meta["LastModifiedByRef"] = {"value": draft.author.user_id}
    meta["LastUpdatedTime"] = later_stamp(before, now)
    return meta


def _carry_name(company: Company, entity: Entity, before: Record | None, after: Record) -> None:
    if before is None or entity.group != "list":
        return
    old = references.display_name(entity.name, before)
    if old != references.display_name(entity.name, after):
        if "FullyQualifiedName" in after:
            carry_path(company, entity.name, after)
        references.rename(company, entity.name, after)
