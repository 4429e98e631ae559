"""Child processes of a command that must leave none behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from connectors.settings import Settings
from models.errors import SyncError

#: How long a child may take to end after being asked.
STOP_SECONDS = 10.0


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings of an installation as a child process reads them, with its secrets."""
    return {
        "QBSYNC_DATABASE_URL": settings.database_url,
        "QBSYNC_QUICKBOOKS_API_URL": settings.quickbooks_api_url,
        "QBSYNC_INTUIT_CLIENT_ID": settings.intuit_client_id,
        "QBSYNC_INTUIT_CLIENT_SECRET": settings.intuit_client_secret.get_secret_value(),
        "QBSYNC_ENCRYPTION_KEYS": settings.encryption_keys.get_secret_value(),
        "QBSYNC_AUDIT_SIGNING_KEY": settings.audit_signing_key.get_secret_value(),
        "QBSYNC_AUDIT_CHECKPOINTS": settings.audit_checkpoints,
    }


class Children:
    """Processes in groups of their own, ended together with what they started."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> int:
        """Start a process whose output goes to a log file, in a working folder; its number."""
        with (self._log_folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - the commands are our own
                command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append((name, process))
        return process.pid

    def numbers(self) -> list[int]:
        """The numbers of all processes that were started, also of those that have ended."""
        return [process.pid for _, process in self._running]

    def check(self, apart: Collection[str] = ()) -> None:
        """Raise SyncError, with the end of its log, if a process has ended by itself.

        Those named in apart may end.
        """
        for name, process in self._running:
            if name not in apart and process.poll() is not None:
                log = self._log_folder / f"{name}.log"
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise SyncError(f"{name} ended with exit code {process.returncode}:\n{tail}")

    def stop(self) -> None:
        """End all processes and their groups, the youngest first."""
        for _, process in reversed(self._running):
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for _, process in reversed(self._running):
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait(STOP_SECONDS)
            # What the process itself had started goes with it.
            _signal_group(process, signal.SIGKILL)
        self._running.clear()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The group is gone once its last process has ended.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def free_port() -> int:
    """A port on this machine that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM end the block like Ctrl-C, so that its clean-up runs."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
