"""What the interface says of itself holds: mistakes that the walk over it has found, and may not
come back. That the walk finds mistakes at all is tried here, too.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from pydantic import ValidationError

from connectors.state.connections import connection_by_id, save_settings
from dashboard.api import API_PATH, answers
from dashboard.api.calling import See
from models.people import Role
from models.record_type import catalog
from models.settings import ConnectionSettings, settings_from_json
from tests.fixtures.api_walk import Walk
from tests.fixtures.guarded import OWN, Guarded

SETTINGS = f"{API_PATH}/companies/{OWN}/settings"


def program(guarded: Guarded) -> TestClient:
    """A program that may do all."""
    client = guarded.client()
    client.headers["authorization"] = f"Bearer {guarded.token(Role.ADMIN)}"
    return client


def router_of(guarded: Guarded) -> APIRouter:
    """The interface's own router, to plant something in."""
    routers = (getattr(each, "original_router", None) for each in guarded.app.routes)
    found: APIRouter = next(each for each in routers if each and each.prefix == API_PATH)
    return found


@pytest.mark.asvs("2.2.1")
def test_the_walk_finds_mistakes(guarded: Guarded) -> None:
    """One of each kind is planted, and found by its name."""
    router = router_of(guarded)

    @router.get("/planted/fails", response_model=answers.Count)
    def fail(call: See, number: answers.After = None) -> None:
        raise RuntimeError(f"{call.user.name} {number}")

    @router.get("/planted/breaks", response_model=answers.Count)
    def break_schema(call: See) -> Response:
        return JSONResponse({"records": f"of {call.user.name}"})

    @router.get("/planted/surprises", response_model=answers.Count)
    def surprise(call: See) -> Response:
        return JSONResponse({"records": call.user.id}, 418)

    @router.get("/planted/opens", response_model=answers.Count)
    def open_all() -> dict[str, int]:
        return {"records": 1}

    @router.post("/planted/takes", response_model=answers.Count)
    def take_anything(call: See, body: dict[str, Any]) -> dict[str, int]:
        return {"records": len(body) + call.user.id}

    taken = {"schema": {"$ref": "#/components/schemas/Chosen"}}
    walk = Walk(guarded.app, {"admin": guarded.token(Role.ADMIN)}, {"number": OWN})
    body = walk.schema.raw_schema["paths"][f"{API_PATH}/planted/takes"]["post"]["requestBody"]
    body["content"]["application/json"] = taken
    operations = walk.operations("/planted/")
    assert len(operations) == 5
    walk.by_rule(operations)
    found = {(each.operation.rpartition("/")[2], each.kind) for each in walk.findings}
    assert found >= {
        ("fails", "ServerError"),
        ("breaks", "JsonSchemaError"),
        ("surprises", "UndefinedStatusCode"),
        ("opens", "IgnoredAuth"),
        ("takes", "AcceptedNegativeData"),
    }
    clean = Walk(guarded.app, {"admin": guarded.token(Role.ADMIN)}, {"number": OWN})
    clean.by_rule(clean.operations(" /api/v1/me"))
    assert not clean.findings


@pytest.mark.asvs("2.2.1")
def test_every_part_of_an_address_is_described(guarded: Guarded) -> None:
    """Also the company, which no function takes by itself; and which record types there are."""
    described = program(guarded).get(f"{API_PATH}/openapi.json").json()
    for path, operations in described["paths"].items():
        for operation in operations.values():
            named = {each["name"]: each for each in operation.get("parameters", [])}
            assert set(re.findall(r"{(\w+)}", path)) <= set(named), path
            for name in set(named) & {"record_type"}:
                assert set(named[name]["schema"]["enum"]) == {"", *catalog()}
            assert {"400", "401", "403", "404", "409", "413", "414", "415", "422"} <= set(
                operation["responses"]
            )


@pytest.mark.parametrize("name", ["settings", "policy"])
@pytest.mark.asvs("4.1.4")
def test_what_is_allowed_is_all_that_is_allowed(guarded: Guarded, name: str) -> None:
    """Also where another function answers each method."""
    answer = program(guarded).delete(f"{API_PATH}/companies/{OWN}/{name}")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, PUT"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_writes", 0),
        ("batch_writes", "true"),
        ("frequency_minutes", "5"),
        ("frequency_minutes", True),
        ("frequency_minutes", 1.5),
        ("frequency_minutes_of", {"invoices": "5"}),
        ("receipt_bytes_max", 100_000_001),
        # amounts are texts: 0.1 as a binary fraction is another amount
        ("approval_amount_max", 0.1),
        ("approval_amount_max", ""),
        ("approval_amount_max", "-1"),
        ("approval_amount_max", "1e5"),
        ("approval_amount_max", "1e999999"),
        ("approval_amount_max", "NaN"),
        ("approval_amount_max", "1" * 16),
        ("approval_amount_max", "0.000001"),
    ],
)
@pytest.mark.asvs("2.2.1")
def test_a_value_of_another_kind_is_refused(guarded: Guarded, name: str, value: object) -> None:
    """And not read as what it may have meant; nothing is stored."""
    client = program(guarded)
    before = client.get(SETTINGS).json()
    answer = client.put(SETTINGS, json={**before, name: value})
    assert answer.status_code == 422
    assert name in answer.json()["error"]
    assert client.get(SETTINGS).json() == before


@pytest.mark.asvs("2.2.1")
def test_a_whole_number_may_have_a_point(guarded: Guarded) -> None:
    """1.0 is a whole number in JSON, as the description has it."""
    client = program(guarded)
    wanted = {**client.get(SETTINGS).json(), "frequency_minutes": 7.0}
    assert client.put(SETTINGS, json=wanted).json()["frequency_minutes"] == 7


@pytest.mark.parametrize(
    ("limit", "shown"), [("1E+5", "100000"), ("0.10", "0.10"), ("1E+999999", None), ("1E+15", None)]
)
@pytest.mark.asvs("2.2.1")
def test_a_limit_is_shown_in_full_or_is_none(
    guarded: Guarded, limit: str, shown: str | None
) -> None:
    """However somebody typed it; one with a million digits is not taken anywhere."""
    text = f'{{"approval_amount_max": "{limit}"}}'
    if shown is None:
        with pytest.raises(Exception, match="approval_amount_max") as raised:
            settings_from_json(text)
        assert isinstance(raised.value.__cause__, ValidationError)
        return
    company = connection_by_id(guarded.engine, OWN)
    assert company is not None
    wanted: ConnectionSettings = settings_from_json(text)
    save_settings(guarded.engine, company, wanted, "ann", guarded.clock.now())
    assert program(guarded).get(SETTINGS).json()["approval_amount_max"] == shown


@pytest.mark.asvs("15.3.3")
def test_a_filter_that_is_not_there_is_refused(guarded: Guarded) -> None:
    """It would filter nothing, and nobody would notice."""
    path = f"{API_PATH}/companies/{OWN}/conflicts"
    answer = program(guarded).get(path, params={"stat": "review"})
    assert answer.status_code == 422
    assert answer.json()["error"] == "there is no parameter 'stat'"
    assert "state" in answer.json()["fix"]


@pytest.mark.parametrize("name", ["skip", "done"])
@pytest.mark.asvs("2.2.3")
def test_who_names_no_record_is_told_so(guarded: Guarded, name: str) -> None:
    """By the description, too."""
    answer = program(guarded).post(f"{API_PATH}/companies/{OWN}/queue/{name}", json={})
    assert answer.status_code == 422
    assert "name the records" in answer.json()["error"]
    assert answers.Settled.model_json_schema()["anyOf"]
