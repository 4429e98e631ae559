"""The real clock, behind the port that tests and the simulator replace."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Time as this machine tells it; implements `connectors.ports.Clock`."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; a wait of nothing or less returns at once."""
        if seconds > 0:
            time.sleep(seconds)
