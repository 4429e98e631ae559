"""Loading a company from a folder of JSON: `Account.json`, `Invoice.json` and so on.

A file is a list of records, a query answer, or one record in its envelope. Records are kept as they
are, number by number. A reference to a list record that is not there gets a placeholder, so that
recordings of a part of a company can be used; the log says so once for each.
Source: notes on recorded data; dossier section 10.2 for what is made when a file is missing.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator import exact_json
from emulator.account_types import CLASSIFICATIONS, DEFAULT_SUBTYPES
from emulator.company import new_frame
from emulator.defaults import DEFAULTS
from emulator.entities import ENTITIES
from emulator.writing.references import PSEUDO_TAX_CODES, currency_reference, find_target, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.company import Company, Record
    from emulator.entities.declaration import Entity, Field

logger = logging.getLogger(__name__)

DEMO_FOLDER = Path(__file__).parent / "companies" / "demo"

#: What kind of account a placeholder is, by the field that refers to it.
_PLACEHOLDER_ACCOUNTS = {
    "ARAccountRef": "Accounts Receivable",
    "APAccountRef": "Accounts Payable",
    "BankAccountRef": "Bank",
    "CCAccountRef": "Credit Card",
    "DepositToAccountRef": "Bank",
    "IncomeAccountRef": "Income",
    "ItemAccountRef": "Income",
    "MarkUpIncomeAccountRef": "Income",
    "DiscountAccountRef": "Income",
    "AssetAccountRef": "Other Current Asset",
}


class CompanyFolderError(Exception):
    """A folder that cannot be loaded; the message is one sentence for the user."""


def load_folder(company: Company, folder: Path) -> None:
    """Fill a company from a folder, with defaults and placeholders for what is missing."""
    if not folder.is_dir():
        raise CompanyFolderError(
            f"The company folder {folder} does not exist: give a folder with files such as "
            "Account.json, or leave it out for the demo company."
        )
    for entity in ENTITIES.values():
        path = folder / f"{entity.name}.json"
        records = _read(path, entity) if path.is_file() else []
        for record in records:
            load_record(company, entity, record)
    add_defaults(company)
    add_placeholders(company)


def add_defaults(company: Company) -> None:
    """Make the lists and single records that every company has."""
    for name, make in DEFAULTS.items():
        if not company.records[name]:
            for record in make(company):
                load_record(company, ENTITIES[name], {**record, **new_frame(company)})


def load_record(company: Company, entity: Entity, record: Record) -> None:
    """Store one record as it is, and note the ids it uses."""
    company.put(entity.name, record)
    for address_id in _address_ids(record):
        company.reserve("addresses", address_id)
    for link in _links(record):
        company.reserve("transactions", str(link.get("TxnId", "")))


def _address_ids(record: Record) -> Iterator[str]:
    for name, member in record.items():
        if name.endswith("Addr") and isinstance(member, dict) and "Id" in member:
            yield str(member["Id"])


def _links(record: Record) -> Iterator[Record]:
    yield from record.get("LinkedTxn") or []
    lines = record.get("Line")
    for line in lines if isinstance(lines, list) else []:
        yield from line.get("LinkedTxn") or []


def _read(path: Path, entity: Entity) -> list[Record]:
    try:
        content = exact_json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CompanyFolderError(f"The file {path} is not valid JSON ({error}).") from error
    records = _records(content, entity)
    if records is None:
        raise CompanyFolderError(
            f"The file {path} should hold a list of {entity.name} records, or a query answer."
        )
    for position, record in enumerate(records):
        if isinstance(record, dict) and entity.group == "single":
            record.setdefault("Id", "1")
        if not isinstance(record, dict) or not record.get("Id"):
            raise CompanyFolderError(f"Record {position + 1} of the file {path} has no Id.")
        record.setdefault("SyncToken", "0")
    return records


def _records(content: Any, entity: Entity) -> list[Record] | None:
    if isinstance(content, dict) and isinstance(content.get("QueryResponse"), dict):
        content = content["QueryResponse"].get(entity.name, [])
    elif isinstance(content, dict) and isinstance(content.get(entity.name), dict):
        content = [content[entity.name]]
    return content if isinstance(content, list) else None


def add_placeholders(company: Company) -> None:
    """Make a list record for every reference that points to nothing."""
    for entity in ENTITIES.values():
        for record in company.all(entity.name):
            for declared, holder, key in walk(entity.fields, record):
                if declared.kind == "ref":
                    _place(company, declared, holder[key], entity.name)


def _place(company: Company, declared: Field, value: Record, owner: str) -> None:
    target_id = str(value.get("value", ""))
    target, found = find_target(company, declared, value)
    if found is not None or not target_id:
        return
    if target == "TaxCode" and target_id in PSEUDO_TAX_CODES:
        return
    wanted = str(value.get("type", "")).lower()
    target = next((name for name in declared.choices if name.lower() == wanted), target)
    name = str(value.get("name") or f"{target} {target_id}")
    load_record(company, ENTITIES[target], _placeholder(company, declared, target, target_id, name))
    logger.warning(
        "Company %s: %s %s (%s) is referred to by %s.%s but was not loaded; "
        "a placeholder stands in.",
        company.realm_id,
        target,
        target_id,
        name,
        owner,
        declared.name,
    )


def _placeholder(
    company: Company, declared: Field, target: str, target_id: str, name: str
) -> Record:
    entity = ENTITIES[target]
    own_name = name.rpartition(":")[2]
    record: Record = {entity.name_field or "Name": own_name, "Active": True, "Id": target_id}
    if "FullyQualifiedName" in entity.fields:
        record["FullyQualifiedName"] = name
    if target == "Account":
        kind = _PLACEHOLDER_ACCOUNTS.get(declared.name, "Expense")
        record |= {
            "AccountType": kind,
            "AccountSubType": DEFAULT_SUBTYPES[kind],
            "Classification": CLASSIFICATIONS[kind],
            "CurrentBalance": 0,
            "CurrentBalanceWithSubAccounts": 0,
        }
    if target == "Item":
        record["Type"] = "Service"
    if target in {"Account", "Customer", "Vendor"}:
        record["CurrencyRef"] = currency_reference(company.home_currency)
    if target in {"Customer", "Vendor"}:
        record["Balance"] = 0
    return {**record, **new_frame(company)}
