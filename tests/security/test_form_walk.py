"""Forms that nobody's browser would send: drawn names, values and repetitions for every form.

`test_forms.py` and `test_http.py` send what is wrong in one known way; here chance does.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Annotated
from urllib.parse import urlencode

import pytest
from fastapi import Form
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from dashboard.house import FORM_FIELD
from models.people import Role
from tests.fixtures.guarded import OTHER, OWN, Address, Guarded, listed_addresses
from tests.fixtures.pages import HOME

#: Forms that are drawn for each address, and whether they are others in each run:
#: `QBSYNC_WALK_EXAMPLES=500 pytest tests/security/test_form_walk.py`.
EXAMPLES = int(os.environ.get("QBSYNC_WALK_EXAMPLES") or 0)
_EXAMPLES_OF_THE_SUITE = 12
FORMS = [
    each
    for each in listed_addresses()
    if each.method == "POST" and not each.is_api and not each.path.startswith("/webhooks")
]
#: What a form can be answered that is not taken: never that it was our own mistake.
REFUSALS = (400, 401, 403, 404, 409, 413, 422, 429)
#: What breaks programs, and some that are right, so that forms get past their first field.
ODD = (
    "", " ", "0", "1", "2", "-1", "01", "+1", "1.0", "1e999999", "-0", "NaN", "Infinity", "٣", "½",
    "9" * 20, "9" * 400, "2147483647", "2147483648", "true", "on", "yes", "null", "[]", "{}", "\0",
    "\r\n", "\x1b[2J", "\x7f", "\u2028", "\u202e", "\ufeff", "\U0010ffff", "💶" * 300, "a" * 5_000,
    "../../etc/passwd", "' OR 1=1 --", "<script>", "{{7*7}}", "%s%n", "=1+1", "platform",
    "quickbooks", "1=platform", "1=", "=", "invoice.memo", "newest", "invoices", "production",
    "2026-13-01", "2026-11-01T00:00:00+00:00_1", "0000-00-00", "99999-01-01",
)  # fmt: skip


def fields_of(guarded: Guarded, address: Address) -> list[str]:
    """The fields that a form has."""
    for each in iter_route_contexts(guarded.app.routes):
        if each.path == address.path and address.method in (each.methods or ()):
            models = [param.field_info.annotation for param in each.dependant.body_params]
            return [
                name
                for model in models
                if isinstance(model, type) and issubclass(model, BaseModel)
                for name in model.model_fields
            ]
    raise AssertionError(f"{address} is not there")


def forms(fields: list[str]) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Each field once, in any order; or any names, also unknown ones, any number of times."""
    values = st.one_of(st.sampled_from(ODD), st.text(st.characters(codec="utf-8"), max_size=20))
    names = st.sampled_from([*fields * 3, "is_admin", "", "a[b]", FORM_FIELD])
    complete = st.tuples(*(st.tuples(st.just(each), values) for each in fields)).map(list)
    drawn = st.lists(st.tuples(names, values), max_size=len(fields) + 4)
    return st.one_of(complete.flatmap(st.permutations), drawn)


def walk(guarded: Guarded, address: Address, fields: list[str]) -> Counter[int]:
    """Send drawn forms; the statuses that came."""
    statuses = Counter[int]()

    @settings(
        max_examples=EXAMPLES or _EXAMPLES_OF_THE_SUITE,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(pairs=forms(fields), item=st.sampled_from([OWN, OTHER, "x", "0"]))
    def send(pairs: list[tuple[str, str]], item: object) -> None:
        client, token = guarded.begin(Role.ADMIN) if address.right else (guarded.client(), "")
        body = urlencode([*pairs, (FORM_FIELD, token)] if token else pairs)
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": HOME}
        answer = client.post(address.at(OWN, item), content=body, headers=headers)
        statuses[answer.status_code] += 1
        assert answer.status_code in (200, 303, *REFUSALS), answer.text
        if answer.status_code in REFUSALS and "html" in answer.headers["content-type"]:
            words = " ".join(re.sub("<[^>]*>", " ", answer.text.partition("<h1")[2]).split())
            assert len(words) > 20, answer.text
        assert "Traceback" not in answer.text

    send()
    return statuses


@pytest.mark.parametrize("address", FORMS, ids=str)
@pytest.mark.asvs("2.2.1", "2.2.2", "16.5.1")
def test_any_form_has_a_worded_answer(guarded: Guarded, address: Address) -> None:
    """Goal: whatever an admin's browser sends, it is done, or a page says why not."""
    fields = [each for each in fields_of(guarded, address) if each != FORM_FIELD]
    statuses = walk(guarded, address, fields)
    assert set(statuses) & set(REFUSALS)


@pytest.mark.asvs("2.2.1")
def test_a_mistake_would_be_seen(guarded: Guarded) -> None:
    """A form that fails on one value in many is found by the same walk."""

    @guarded.app.post("/planted")
    def fail(name: Annotated[str, Form()] = "") -> None:
        assert name not in ODD[10:20]

    with pytest.raises(AssertionError, match="this is our mistake"):
        walk(guarded, Address("POST", "/planted", None), ["name"] * 9)
