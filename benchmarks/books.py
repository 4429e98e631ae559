"""The books that all read and write: the emulator in a process of its own, over HTTP.

A call may be made to take longer, as it does over a network, and the emulator's meter says how
many calls there were.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

from benchmarks import company
from emulator.emulator import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_REALM

REFRESH_TOKEN: Final = "benchmark-refresh-token"  # noqa: S105 - of an emulator that exists only meanwhile
START_SECONDS_MAX: Final = 300.0
#: Calls that the meter does not count as calls of the API.
_NO_CALL: Final = ("token", "other")


@dataclass
class Books:
    """A company in QuickBooks, as somebody sees it who has its address and keys."""

    base_url: str
    realm_id: str = DEFAULT_REALM
    client_id: str = DEFAULT_CLIENT_ID
    client_secret: str = DEFAULT_CLIENT_SECRET
    refresh_token: str = REFRESH_TOKEN

    def __post_init__(self) -> None:
        self._web = requests.Session()
        # a connection that is kept open is one more to serve
        self._web.headers["Connection"] = "close"
        self._web.trust_env = False

    def delay(self, seconds: float) -> None:
        """Let each call of the API take so much longer from now on."""
        self._admin("DELETE", "faults")
        if seconds:
            self._admin("POST", "faults", {"kind": "late", "seconds": seconds, "count": None})

    def forget_calls(self) -> None:
        """Start to count from nothing."""
        self._admin("DELETE", "requests")

    def calls(self) -> dict[str, int]:
        """Calls of the API since then, by kind."""
        found = self._admin("GET", "meter")["by_class"]
        return {name: count for name, count in found.items() if name not in _NO_CALL}

    def set_options(self, **options: Any) -> None:
        """Set switches of the emulator."""
        self._admin("POST", "options", options)

    def bearer(self) -> str:
        """An access token of somebody who works in QuickBooks."""
        sent = {"realm_id": self.realm_id, "who": "benchmark"}
        return str(self._admin("POST", "token", sent)["access_token"])

    def save(self, entity: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create or change a record as a person would."""
        return self._as_person("POST", entity, "", body)

    def read(self, entity: str, record_id: str) -> dict[str, Any]:
        """A record as a person sees it."""
        return self._as_person("GET", entity, f"/{record_id}")

    def _as_person(self, method: str, entity: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.bearer()}", "Accept": "application/json"}
        url = f"{self.base_url}/v3/company/{self.realm_id}/{entity.lower()}{path}"
        answer = self._web.request(method, url, json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        record: dict[str, Any] = answer.json()[entity]
        return record

    def as_arguments(self, **more: Any) -> str:
        """What a peer's program is told, as JSON."""
        return json.dumps(
            {
                "base_url": self.base_url,
                "realm_id": self.realm_id,
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "refresh_token": self.refresh_token,
                "bearer": self.bearer(),
                **more,
            }
        )

    def _admin(self, method: str, name: str, body: Any = None) -> Any:
        url = f"{self.base_url}/_emulator/{name}"
        answer = self._web.request(method, url, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def opened(size: company.Size) -> Iterator[Books]:
    """A company of a size, served while the context lasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = company.write(Path(name) / "company", size)
        ready = Path(name) / "ready"
        options = ["--port", "0", "--quiet", "--refresh-token", REFRESH_TOKEN]
        options += ["--company", str(folder), "--ready-file", str(ready)]
        process = subprocess.Popen([sys.executable, "-m", "emulator", *options])
        try:
            deadline = time.monotonic() + START_SECONDS_MAX
            while not ready.exists() or not ready.read_text().endswith("\n"):
                assert process.poll() is None, "the emulator did not start"
                assert time.monotonic() < deadline, "the emulator did not start in time"
                time.sleep(0.02)
            yield Books(ready.read_text().strip())
        finally:
            process.terminate()
            process.wait(timeout=30)
