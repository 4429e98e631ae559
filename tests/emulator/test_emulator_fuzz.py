"""Nonsense on every route: it is refused in some way, and never with a failure of our own.

A failure shows as HTTP 500, as a dropped connection, or in the log: the emulator writes down what
it did not expect. Bounded in number; the same examples in every run.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from emulator_books import Client, invoice, payment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.entities import ENTITIES
from emulator.injection import KINDS
from emulator.server.admin import _ACTIONS
from emulator.testing import RunningEmulator

BOUNDED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
METHODS = st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"])
KEYS = st.sampled_from(
    [
        *("Id", "SyncToken", "sparse", "Line", "Amount", "DetailType", "LinkedTxn", "TxnId"),
        *("CustomerRef", "VendorRef", "value", "name", "TotalAmt", "TxnDate", "DisplayName"),
        *("SalesItemLineDetail", "ItemRef", "Qty", "UnitPrice", "Active", "MetaData", "Balance"),
        *("BatchItemRequest", "bId", "operation", "Query", "Invoice", "Payment", "optionsData"),
        *("CurrencyRef", "ExchangeRate", "TxnTaxDetail", "BillAddr", "CustomField", "ParentRef"),
    ]
)
NUMBERS = st.sampled_from(["1e400", "-0", "1E-500", "1" * 400, "0.00", "1e-9", "99999999999999.99"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | NUMBERS
    | st.sampled_from(["1", "7", "0", "2026-11-01", "Voided", "\ud800", "%", "'", "true"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=15,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=8)
BYTES = st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode())
ENTITY_NAMES = st.sampled_from(sorted(ENTITIES))
WORDS = st.sampled_from(
    [
        "",
        "1",
        "7",
        "x",
        "pdf",
        "send",
        "query",
        "cdc",
        "batch",
        "reports",
        "%00",
        "..",
        "TrialBalance",
    ]
) | st.text(max_size=10).map(lambda text: quote(text, safe=""))


class Failures(logging.Handler):
    """What the emulator wrote down as unexpected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.format(record))


class Fuzzed:
    """A running emulator, looked at closely while nonsense is thrown at it."""

    def __init__(self, running: RunningEmulator) -> None:
        self.running = running
        self.company = f"/v3/company/{running.realm_id}"
        self.http = httpx.Client(
            base_url=running.base_url,
            headers={
                "Authorization": f"Bearer {running.token('fuzz')}",
                "Accept": "application/json",
            },
            timeout=20,
            verify=False,
        )
        self.failures = Failures()

    def throw(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send one request and see that nothing of ours broke."""
        response = self.http.request(method, path, **request)
        told = f"{method} {path} {request}: {response.status_code} {response.text[:200]}"
        assert response.status_code != 500, told + "".join(self.failures.seen[-1:])
        assert not self.failures.seen, told + self.failures.seen[-1]
        return response


@pytest.fixture(scope="module")
def module_fuzzed() -> Iterator[Fuzzed]:
    with RunningEmulator() as running:
        fuzzed = Fuzzed(running)
        for name in ("emulator", "uvicorn.error"):
            logging.getLogger(name).addHandler(fuzzed.failures)
        yield fuzzed
        for name in ("emulator", "uvicorn.error"):
            logging.getLogger(name).removeHandler(fuzzed.failures)
        fuzzed.http.close()


@pytest.fixture
def fuzzed(module_fuzzed: Fuzzed) -> Fuzzed:
    module_fuzzed.failures.seen.clear()
    module_fuzzed.running.emulator.reset()
    return module_fuzzed


@BOUNDED
@given(METHODS, st.lists(WORDS, max_size=5), BYTES)
def test_any_path(fuzzed: Fuzzed, method: str, words: list[str], content: bytes) -> None:
    fuzzed.throw(method, "/" + "/".join(words).lstrip("/"), content=content)
    fuzzed.throw(method, fuzzed.company + "/" + "/".join(words), content=content)


@BOUNDED
@given(METHODS, ENTITY_NAMES, WORDS, BYTES, st.dictionaries(WORDS, WORDS, max_size=2))
def test_any_entity(
    fuzzed: Fuzzed, method: str, entity: str, word: str, content: bytes, query: dict[str, str]
) -> None:
    path = f"{fuzzed.company}/{entity.lower()}"
    fuzzed.throw(method, path, content=content, params=query)
    fuzzed.throw(method, f"{path}/{word}", content=content)


@BOUNDED
@given(ENTITY_NAMES, OBJECTS, st.sampled_from(["", "delete", "void", "update", "x"]))
def test_almost_good_bodies(fuzzed: Fuzzed, entity: str, body: Any, operation: str) -> None:
    query = {"operation": operation} if operation else {}
    path = f"{fuzzed.company}/{entity.lower()}"
    fuzzed.throw("POST", path, content=json.dumps(body).encode(), params=query)


@BOUNDED
@given(st.sampled_from(["Invoice", "Payment"]), KEYS, VALUES)
def test_good_bodies_with_one_wrong_value(
    fuzzed: Fuzzed, entity: str, key: str, value: Any
) -> None:
    whole = invoice() if entity == "Invoice" else payment("4", 1, ("7", 1))
    for body in ({**whole, key: value}, {**whole, "Line": [{**whole["Line"][0], key: value}]}):
        content = json.dumps(body, default=str).encode()
        fuzzed.throw("POST", f"{fuzzed.company}/{entity.lower()}", content=content)


@BOUNDED
@given(
    st.lists(
        OBJECTS
        | VALUES
        | st.builds(
            lambda entity, body, operation: {"bId": "1", "operation": operation, entity: body},
            ENTITY_NAMES,
            OBJECTS,
            st.sampled_from(["create", "update", "delete", "void", "x"]),
        )
        | st.builds(lambda text: {"bId": "2", "Query": text}, LEAVES),
        max_size=4,
    )
)
def test_batches(fuzzed: Fuzzed, items: list[Any]) -> None:
    content = json.dumps({"BatchItemRequest": items}).encode()
    fuzzed.throw("POST", f"{fuzzed.company}/batch", content=content, params={"requestid": "r"})
    fuzzed.throw("POST", f"{fuzzed.company}/batch", content=json.dumps(items).encode())


STATEMENT = st.lists(
    st.sampled_from(
        [
            *("select", "*", "count(*)", "from", "Invoice", "Customer", "where", "and", "Id", "in"),
            *(
                "=",
                "<",
                "like",
                "(",
                ")",
                ",",
                "'1'",
                "'%a_'",
                "'\\'",
                "10",
                "-1",
                "true",
                "orderby",
            ),
            *("order by", "Balance", "TxnDate", "MetaData.LastUpdatedTime", "startposition"),
            *(
                "maxresults",
                "desc",
                "'2026-01-01'",
                "CustomerRef",
                "Active",
                "1e999",
                "1.5",
                "Line",
            ),
        ]
    ),
    max_size=14,
).map(" ".join)


@BOUNDED
@given(STATEMENT | st.text(max_size=60), st.sampled_from(["text/plain", "application/text", "x"]))
def test_statements(fuzzed: Fuzzed, statement: str, kind: str) -> None:
    fuzzed.throw("GET", f"{fuzzed.company}/query", params={"query": statement})
    content = statement.encode(errors="replace")
    fuzzed.throw("POST", f"{fuzzed.company}/query", content=content, headers={"Content-Type": kind})


@BOUNDED
@given(
    st.lists(ENTITY_NAMES | st.text(max_size=8), max_size=3).map(",".join),
    st.sampled_from(["2026-11-22", "0001-01-01", "9999-12-31T23:59:59-12:00", "x", ""])
    | st.text(max_size=30),
)
def test_changes(fuzzed: Fuzzed, entities: str, since: str) -> None:
    fuzzed.throw(
        "GET", f"{fuzzed.company}/cdc", params={"entities": entities, "changedSince": since}
    )


@BOUNDED
@given(
    st.sampled_from(["/oauth2/v1/tokens/bearer", "/v2/oauth2/tokens/revoke"]),
    st.dictionaries(
        st.sampled_from(["grant_type", "code", "refresh_token", "client_id", "token"]),
        st.sampled_from(["authorization_code", "refresh_token", "emulator-client"])
        | st.text(max_size=20),
        max_size=5,
    ),
    BYTES,
    st.sampled_from(["Basic", "Basic =", "Basic w6k6w6k=", "Bearer", "", "x y z"]),
)
def test_tokens(
    fuzzed: Fuzzed, path: str, form: dict[str, str], content: bytes, authorization: str
) -> None:
    headers = {"Authorization": authorization}
    encodable = {key: value.encode(errors="replace").decode() for key, value in form.items()}
    fuzzed.throw("POST", path, data=encodable, headers=headers)
    fuzzed.throw(
        "POST", path, content=content, headers={**headers, "Content-Type": "application/json"}
    )
    good = (fuzzed.running.client_id, fuzzed.running.client_secret)
    fuzzed.throw("POST", path, data=encodable, auth=good)


@BOUNDED
@given(
    st.dictionaries(
        st.sampled_from(
            ["client_id", "redirect_uri", "response_type", "scope", "state", "consent"]
        ),
        st.sampled_from(["emulator-client", "http://x/\r\n", "code", "openid", "ask", "refused"])
        | st.text(max_size=20),
    ),
    st.sampled_from(["127.0.0.1", "a b", "[", "x/y", "\xe9"]),
)
def test_consent_and_discovery(fuzzed: Fuzzed, query: dict[str, str], host: str) -> None:
    encodable = {key: value.encode(errors="replace").decode() for key, value in query.items()}
    fuzzed.throw("GET", "/connect/oauth2", params=encodable)
    for path in ("/.well-known/openid_configuration", "/v1/openid_connect/userinfo"):
        fuzzed.throw("GET", path, headers={"Host": host.encode("latin-1")})


ADMIN_FIELDS = st.sampled_from(
    [
        *("kind", "entity", "verb", "match", "count", "probability", "seed", "seconds", "status"),
        *("advance_seconds", "to", "speed", "realm_id", "who", "honour", "forget", "url", "shape"),
        *("name", "winner", "loser", "cdc_cap", "limits", "delay_seconds", "client_id", "code"),
    ]
)
#: Fields of files are left out: nonsense is not to be written to this machine's disk.
ADMIN_VALUES = st.sampled_from([*sorted(KINDS), "Customer", "1", "2", "create", "classic"]) | VALUES


def admin_actions(safe: Callable[[tuple[str, str]], bool]) -> list[tuple[str, str]]:
    return [action for action in sorted(_ACTIONS) if safe(action)]


@BOUNDED
@given(
    st.sampled_from(admin_actions(lambda action: action[1] not in {"clock", "options"})),
    st.dictionaries(ADMIN_FIELDS, ADMIN_VALUES, max_size=5) | VALUES,
    st.dictionaries(st.sampled_from(["after", "realm_id", "name", "x"]), WORDS, max_size=2),
)
def test_the_admin_api(
    fuzzed: Fuzzed, action: tuple[str, str], body: Any, query: dict[str, str]
) -> None:
    method, name = action
    response = fuzzed.throw(
        method, f"/_emulator/{name}", content=json.dumps(body).encode(), params=query
    )
    assert response.status_code in {200, 400}
    if response.status_code == 400:
        assert response.json()["error"].endswith((".", ")")), response.text
    fuzzed.running.emulator.injection.rules.clear()
    fuzzed.running.emulator.webhooks.configure(None)


@BOUNDED
@given(
    st.sampled_from(["clock", "options"]),
    st.dictionaries(ADMIN_FIELDS, st.sampled_from(["x", -1, True, None, [], {}, 1e308, 2.5])),
    METHODS,
    BYTES,
)
def test_the_admin_api_with_wrong_values(
    fuzzed: Fuzzed, name: str, body: Any, method: str, content: bytes
) -> None:
    kept = fuzzed.running.emulator.options.cdc_cap
    fuzzed.throw("POST", f"/_emulator/{name}", content=json.dumps(body).encode())
    fuzzed.throw(method, "/_emulator/" + quote(content[:30]), content=content)
    fuzzed.running.emulator.options.cdc_cap = kept
    fuzzed.running.clock.run_at(1)


def test_the_books_still_work(fuzzed: Fuzzed) -> None:
    client = Client(fuzzed.running, fuzzed.running.token("Robin"))
    assert client.save("Invoice", invoice())["TotalAmt"] == 100
    client.http.close()
