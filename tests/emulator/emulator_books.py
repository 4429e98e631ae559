"""A small client that speaks JSON with exact numbers, and bodies to send with it."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from emulator import exact_json

if TYPE_CHECKING:
    from emulator.testing import RunningEmulator


# Plain http: loading certificates for each call would take longer than the test.
plain_get = partial(httpx.get, verify=False)
plain_post = partial(httpx.post, verify=False)
plain_request = partial(httpx.request, verify=False)


class Client:
    """One user of the API: the application, or a person."""

    def __init__(self, running: RunningEmulator, token: str) -> None:
        self.running = running
        self.company_url = f"{running.base_url}/v3/company/{running.realm_id}"
        self.http = httpx.Client(
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=10,
            verify=False,  # plain http; loading certificates would take longer than the test
        )

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return self.http.get(f"{self.company_url}/{path}", params=parameters)

    def post(self, path: str, body: Any, **parameters: str) -> httpx.Response:
        return self.http.post(
            f"{self.company_url}/{path}",
            params=parameters,
            content=exact_json.dumps(body),
            headers={"Content-Type": "application/json"},
        )

    def read(self, entity: str, record_id: str) -> dict[str, Any]:
        return unwrap(self.get(f"{entity.lower()}/{record_id}"))[entity]

    def save(self, entity: str, body: Any, **parameters: str) -> dict[str, Any]:
        return unwrap(self.post(entity.lower(), body, **parameters))[entity]

    def edit(self, entity: str, record_id: str, **values: Any) -> dict[str, Any]:
        """Update sparsely with the current SyncToken."""
        current = self.read(entity, record_id)
        body = {"Id": record_id, "SyncToken": current["SyncToken"], "sparse": True, **values}
        return self.save(entity, body)

    def delete(self, entity: str, record_id: str) -> httpx.Response:
        token = self.read(entity, record_id)["SyncToken"]
        body = {"Id": record_id, "SyncToken": token}
        return self.post(entity.lower(), body, operation="delete")

    def query(self, statement: str) -> dict[str, Any]:
        return unwrap(self.get("query", query=statement))["QueryResponse"]

    def ids(self, statement: str) -> list[str]:
        rows = [value for value in self.query(statement).values() if isinstance(value, list)]
        return [row["Id"] for row in rows[0]] if rows else []

    def changes(self, entities: str, since: str) -> list[dict[str, Any]]:
        body = unwrap(self.get("cdc", entities=entities, changedSince=since))
        return body["CDCResponse"][0]["QueryResponse"]

    def batch(self, *items: dict[str, Any], **parameters: str) -> list[dict[str, Any]]:
        response = self.post("batch", {"BatchItemRequest": list(items)}, **parameters)
        return unwrap(response)["BatchItemResponse"]


def unwrap(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return exact_json.loads(response.content)


def refusal(response: httpx.Response) -> dict[str, str]:
    """Return the first Error of a business fault."""
    body = exact_json.loads(response.content)
    assert "Fault" in body, body
    return {**body["Fault"]["Error"][0], "type": body["Fault"]["type"]}


def invoice(
    customer: str = "1", amount: str | int = 100, item: str = "2", **more: Any
) -> dict[str, Any]:
    """Return the body of a simple invoice."""
    return {"CustomerRef": {"value": customer}, "Line": [sales_line(amount, item)], **more}


def sales_line(amount: str | int = 100, item: str = "2", **detail: Any) -> dict[str, Any]:
    return {
        "Amount": Decimal(amount),
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": item}, **detail},
    }


def expense_line(amount: str | int = 50, account: str = "31", **more: Any) -> dict[str, Any]:
    detail = {"AccountRef": {"value": account}}
    return {
        "Amount": Decimal(amount),
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": detail,
        **more,
    }


def purchase(kind: str = "Cash", account: str = "1", amount: str | int = 50, **more: Any) -> Any:
    return {
        "PaymentType": kind,
        "AccountRef": {"value": account},
        "Line": [expense_line(amount)],
        **more,
    }


def payment(
    customer: str, total: str | int, *links: tuple[str, str | int], **more: Any
) -> dict[str, Any]:
    lines = [
        {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": target, "TxnType": "Invoice"}]}
        for target, amount in links
    ]
    return {
        "CustomerRef": {"value": customer},
        "TotalAmt": Decimal(total),
        "Line": lines,
        **more,
    }
