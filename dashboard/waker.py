"""Waking the dispatcher: now and then, and never one time too few.

Whoever made a company due calls `wake`, which costs nothing. A thread of its own does the waking:
at once where it was quiet, and once more at the end of a burst, so that the last of many is not
left to the schedule.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

#: Called when companies became due.
Wake = Callable[[], None]

#: Between two wakings: a burst of events is as good as one.
PAUSE_SECONDS: Final = 2.0
#: How long the end waits for a waking that is under way; each of its calls has a time-out.
_END_SECONDS: Final = 1.0

_LOG = logging.getLogger(__name__)


class Waker:
    """Wakes the dispatcher while the context lasts.

    Args:
        start: wakes it; where that fails, the schedule comes within a minute.
        pause_seconds: between two calls of it.
    """

    def __init__(self, start: Callable[[], None], pause_seconds: float = PAUSE_SECONDS) -> None:
        self._start = start
        self._pause_seconds = pause_seconds
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="waker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._wanted.set()
        self._thread.join(_END_SECONDS)

    def wake(self) -> None:
        """Let the dispatcher be woken after this."""
        self._wanted.set()

    def _work(self) -> None:
        while not self._ended.is_set():
            self._wanted.wait()
            if self._ended.is_set():
                return
            # before the call: what becomes due during it is woken for once more
            self._wanted.clear()
            self._wake_once()
            self._ended.wait(self._pause_seconds)

    def _wake_once(self) -> None:
        try:
            self._start()
        except Exception as error:  # noqa: BLE001 - told; the schedule comes whatever it was
            _LOG.warning(
                "the dispatcher was not woken, its schedule comes within a minute: %s: %s",
                type(error).__name__,
                error,
            )
