"""A call as it is seen from outside: method, path without ids, status and transaction id.

Nothing else of it is told, in its log line or its span: neither values of a query nor tokens, realm
or bodies.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from connectors.log_fields import known, note_call
from connectors.tracing import span
from models.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.tracing import Watched

_LOG = logging.getLogger(__name__)


class SeenCall:
    """One call while it is under way."""

    def __init__(self, name: str, current: Watched) -> None:
        self._name = name
        self._span = current

    def answered(self, status: int, intuit_tid: str = "", retry_class: str = "") -> None:
        """An answer came.

        Args:
            status: of HTTP.
            intuit_tid: its transaction id; "" where it has none.
            retry_class: what a fault in it asks for; "" for a success.
        """
        self._note(status, intuit_tid, retry_class)
        with known(intuit_tid=intuit_tid):
            _LOG.info("%s: HTTP %d %s", self._name, status, retry_class or "ok")

    def failed(self, error: Exception) -> None:
        """No usable answer came; what an error of a library says may hold an address or a body."""
        kind = type(error).__name__
        if isinstance(error, RemoteError):
            fault = error.fault
            self._note(fault.status, fault.intuit_tid, kind)
            with known(intuit_tid=fault.intuit_tid):
                _LOG.info("%s: %s", self._name, error)
        else:
            _LOG.info("%s: %s", self._name, kind)

    def _note(self, status: int, intuit_tid: str, retry_class: str) -> None:
        note_call(intuit_tid)
        self._span.tell(intuit_tid=intuit_tid, retry_class=retry_class)
        if status:
            self._span.tell_as({"http.response.status_code": status})
        if retry_class:
            self._span.failed(retry_class)


@contextmanager
def seen(method: str, template: str, kind: str = "") -> Iterator[SeenCall]:
    """Watch the call that is made inside.

    Args:
        method: of HTTP.
        template: its path without ids.
        kind: what the meter counts it as; "" for what is not counted.
    """
    name = f"{method} {template}"
    with span(name, is_call=True, kind=kind) as current:
        current.tell_as({"http.request.method": method, "url.template": template})
        call = SeenCall(name, current)
        try:
            yield call
        except Exception as error:
            call.failed(error)
            raise
