"""The books as a whole: companies, snapshots, reset, and merging two records of a list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.entities import ENTITIES
from emulator.merging import MergeError, merge
from emulator.oauth.tokens import person
from emulator.saving.snapshots import SnapshotError, check_name, read_file, write_file
from emulator.server.admin.inputs import (
    Actions,
    BadInputError,
    Query,
    fields_of,
    path,
    realm,
    text,
)

if TYPE_CHECKING:
    from emulator.emulator import Emulator

COMPANIES_MAX = 100
_REALM = re.compile(r"[0-9A-Za-z_-]{1,40}")


def _companies(emulator: Emulator, _body: Any, _query: Query) -> Any:
    return {
        "companies": [
            {
                "realm_id": realm_id,
                "name": company.name,
                "records": {name: len(rows) for name, rows in company.records.items() if rows},
                "writes": len(company.journal),
            }
            for realm_id, company in emulator.companies.items()
        ]
    }


def _add_company(emulator: Emulator, body: Any, _query: Query) -> Any:
    sent = fields_of(body, "realm_id", "folder", "client_id")
    realm_id = text(sent, "realm_id", "the number of the new company")
    if not _REALM.fullmatch(realm_id):
        raise BadInputError(f"Field realm_id has the value {realm_id!r}: give up to 40 digits.")
    if realm_id in emulator.companies:
        raise BadInputError(f"Field realm_id has the value {realm_id!r}: it is taken, use another.")
    if len(emulator.companies) >= COMPANIES_MAX:
        raise BadInputError(f"There are {COMPANIES_MAX} companies at most: DELETE one first.")
    folder = None if sent.get("folder") in (None, "demo") else path(sent, "folder")
    clients = emulator.tokens.clients
    client_id = sent.get("client_id", next(iter(clients), ""))
    if not isinstance(client_id, str) or client_id not in clients:
        raise BadInputError(
            f"Field client_id has the value {client_id!r}: use one of {', '.join(clients)}."
        )
    company = emulator.add_company(realm_id, folder)
    connection = emulator.tokens.connect(client_id, realm_id)
    return {
        "realm_id": realm_id,
        "name": company.name,
        "client_id": client_id,
        "refresh_token": connection.refresh_token,
    }


def _remove_company(emulator: Emulator, body: Any, query: Query) -> Any:
    if "realm_id" not in query:
        raise BadInputError("Parameter realm_id is missing: name the company to remove.")
    emulator.remove_company(realm(emulator, query["realm_id"]))
    return _companies(emulator, body, query)


def _show_snapshots(emulator: Emulator, _body: Any, _query: Query) -> Any:
    return {
        "snapshots": [
            {
                "name": name,
                "records": {
                    realm_id: sum(len(rows) for rows in company["records"].values())
                    for realm_id, company in state["companies"].items()
                },
            }
            for name, state in emulator.snapshots.items()
        ]
    }


def _take_snapshot(emulator: Emulator, body: Any, query: Query) -> Any:
    sent = fields_of(body, "name", "file")
    if "name" not in sent and "file" not in sent:
        raise BadInputError("Field name is missing: give a name, or a file to write to.")
    name = check_name(sent["name"]) if "name" in sent else None
    file = path(sent, "file") if "file" in sent else None
    if name is not None:
        emulator.keep_snapshot(name)
    if file is not None:
        write_file(file, emulator.snapshot())
    return _show_snapshots(emulator, body, query)


def _drop_snapshot(emulator: Emulator, body: Any, query: Query) -> Any:
    name = query.get("name")
    if name is None:
        emulator.snapshots.clear()
    elif emulator.snapshots.pop(name, None) is None:
        raise _no_snapshot(emulator, name)
    return _show_snapshots(emulator, body, query)


def _restore(emulator: Emulator, body: Any, query: Query) -> Any:
    sent = fields_of(body, "name", "file")
    if "file" in sent:
        state = read_file(path(sent, "file"))
    else:
        name = check_name(sent.get("name"))
        if name not in emulator.snapshots:
            raise _no_snapshot(emulator, name)
        state = emulator.snapshots[name]
    emulator.restore(state)
    return _companies(emulator, body, query)


def _no_snapshot(emulator: Emulator, name: str) -> SnapshotError:
    known = ", ".join(emulator.snapshots) or "nothing, for there are none"
    return SnapshotError(f"Field name has the value {name!r}: use one of {known}.")


def _merge(emulator: Emulator, body: Any, _query: Query) -> Any:
    sent = fields_of(body, "realm_id", "entity", "winner", "loser", "who")
    company = emulator.companies[realm(emulator, sent.get("realm_id"))]
    entity = sent.get("entity")
    if not isinstance(entity, str) or entity not in ENTITIES:
        raise BadInputError(f"Field entity has the value {entity!r}: give a list, as Customer.")
    winner, loser = (text(sent, name, "the id of a record") for name in ("winner", "loser"))
    author = person(text({"who": "admin", **sent}, "who", "the person's name"))
    try:
        return {entity: merge(company, entity, winner, loser, author)}
    except MergeError as error:
        raise BadInputError(str(error)) from error


def _reset(emulator: Emulator, _body: Any, _query: Query) -> Any:
    emulator.reset()
    return {"status": "ok"}


ACTIONS: Actions = {
    ("GET", "companies"): _companies,
    ("POST", "companies"): _add_company,
    ("DELETE", "companies"): _remove_company,
    ("GET", "snapshots"): _show_snapshots,
    ("POST", "snapshots"): _take_snapshot,
    ("DELETE", "snapshots"): _drop_snapshot,
    ("POST", "restore"): _restore,
    ("POST", "merge"): _merge,
    ("POST", "reset"): _reset,
}
