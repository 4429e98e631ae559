"""The emulator's own speed: read, create, query of 1,000 and batch of 30, in process and over HTTP.

In process the books are written directly, as a test's arrangement does; over HTTP one emulator
process is asked by this one over two connections, as a sync does. The goals are 1,500 creates a
second in process and 500 over HTTP on two cores; the bare figure beside them is what the same
server answers when there is nothing to do, so that the limit can be seen.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from emulator import exact_json
from emulator.query.answer import answer as answer_query
from emulator.server.batch import ITEMS_MAX
from emulator.testing import RunningEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS, CONNECTIONS, ROWS = 5, 2, 1_000
CALLS = {"read": 400, "create": 400, "query_1000": 8, "batch_30": 16}
GOALS = {"in_process": 1_500, "over_http": 500}
REFRESH_TOKEN = "benchmark"  # noqa: S105 - of an emulator that exists only meanwhile
QUERY = f"SELECT * FROM Invoice MAXRESULTS {ROWS}"  # noqa: S608 - of our own making
INVOICE = {
    "CustomerRef": {"value": "1"},
    "Line": [
        {
            "Amount": 100,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {"ItemRef": {"value": "2"}},
        }
    ],
}
BATCH = {
    "BatchItemRequest": [
        {"bId": str(number), "operation": "create", "Invoice": INVOICE}
        for number in range(ITEMS_MAX)
    ]
}


def run() -> dict[str, Any]:
    """The figures, in calls a second; a batch counts as one call."""
    over_http, spread = _over_http()
    figures = {"in_process": _in_process(), "over_http": over_http}
    return {
        "name": "emulator",
        "unit": "calls a second, medians of five",
        **figures,
        "spread_over_http": spread,
        "creates_in_batches_over_http": over_http["batch_30"] * ITEMS_MAX,
        "goals_for_create": GOALS,
        "goals_reached": {name: figures[name]["create"] >= goal for name, goal in GOALS.items()},
    }


def _rate(action: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        action()
    return calls / (time.perf_counter() - started)


def _in_process() -> dict[str, int]:
    with RunningEmulator() as running:
        for _ in range(ROWS):
            running.save("Invoice", INVOICE)
        actions: dict[str, Callable[[], object]] = {
            "read": lambda: running.get("Invoice", "7"),
            "query_1000": lambda: exact_json.dumps(answer_query(running.company, QUERY)),
            "create": lambda: running.save("Invoice", INVOICE),
        }
        rates = {
            name: [_rate(action, CALLS[name]) for _ in range(ROUNDS)]
            for name, action in actions.items()
        }
    return {name: round(statistics.median(found)) for name, found in rates.items()}


def _over_http() -> tuple[dict[str, int], dict[str, list[int]]]:
    with tempfile.TemporaryDirectory() as name, _server(Path(name)) as base_url:
        requests = _requests(base_url)
        _http_rate(base_url, requests["batch_30"], ROWS // ITEMS_MAX + CONNECTIONS)
        rates = {
            name: [_http_rate(base_url, request, CALLS.get(name, 400)) for _ in range(ROUNDS)]
            for name, request in requests.items()
        }
    medians = {name: round(statistics.median(found)) for name, found in rates.items()}
    spread = {name: [round(min(found)), round(max(found))] for name, found in rates.items()}
    return medians, spread


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """An emulator in a process of its own."""
    ready = folder / "ready"
    options = ["--port", "0", "--quiet", "--refresh-token", REFRESH_TOKEN]
    command = [sys.executable, "-m", "emulator", *options, "--ready-file", str(ready)]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 30
        while not ready.exists() or not ready.read_text().endswith("\n"):
            assert process.poll() is None, "the emulator did not start"
            assert time.monotonic() < deadline, "the emulator did not start in time"
            time.sleep(0.02)
        yield ready.read_text().strip()
    finally:
        process.terminate()
        process.wait(timeout=10)


def _requests(base_url: str) -> dict[str, tuple[str, str, bytes]]:
    """Method, path and body by name; `bare` is a page of the server that does no work."""
    with _connection(base_url) as connection:
        connection.request("GET", "/_emulator/companies")
        realm = json.loads(connection.getresponse().read())["companies"][0]["realm_id"]
    company = f"/v3/company/{realm}"
    return {
        "bare": ("GET", "/op/v1/jwks", b""),
        "read": ("GET", f"{company}/invoice/7", b""),
        "query_1000": ("GET", f"{company}/query?query={quote(QUERY)}", b""),
        "create": ("POST", f"{company}/invoice", json.dumps(INVOICE).encode()),
        "batch_30": ("POST", f"{company}/batch", json.dumps(BATCH).encode()),
    }


@contextmanager
def _connection(base_url: str) -> Iterator[http.client.HTTPConnection]:
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def _token(base_url: str) -> str:
    with _connection(base_url) as connection:
        connection.request("POST", "/_emulator/token", b'{"who": "benchmark"}')
        return str(json.loads(connection.getresponse().read())["access_token"])


def _http_rate(base_url: str, request: tuple[str, str, bytes], calls: int) -> float:
    method, path, body = request
    headers = {
        "Authorization": f"Bearer {_token(base_url)}",
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    failed: list[int] = []

    def work() -> None:
        with _connection(base_url) as connection:
            for _ in range(calls // CONNECTIONS):
                connection.request(method, path, body or None, headers)
                response = connection.getresponse()
                response.read()
                if response.status != http.client.OK:
                    failed.append(response.status)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    assert not failed, f"{len(failed)} calls failed with {set(failed)}"
    return (calls // CONNECTIONS) * CONNECTIONS / seconds


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
