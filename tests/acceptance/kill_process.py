"""Real processes of quickbooks-sync that start in a few milliseconds, to be killed with -9.

A launcher, forked before anything has threads, holds the whole program in memory and forks a child
for each command; the child opens its own engine and runs the command line with an environment of
its own. So a start costs a fork instead of seconds of imports, and the child is a process like any
other.

The child notes in shared memory what it is in the middle of: a commit, or a call to QuickBooks.
That is what tells afterwards where the kill struck. Beside that only time is saved: waits between
tries are short, and most runs leave out the checks by Great Expectations, which all that people
write here would pass, and which cost ten times the rest of a cycle.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy.engine.default import DefaultDialect

import cli
from connectors.clock import SystemClock
from connectors.quickbooks.limits import Limiter
from connectors.quickbooks.transport import Transport
from models.record_type import catalog
from models.words import Side
from tasks import validate

#: Bytes of the note about what a child is doing.
NOTE_BYTES = 64
#: Longest wait between two tries of a record: waiting is no part of what must stay true.
PAUSE_SECONDS_MAX = 0.05
#: No command may take longer.
COMMAND_SECONDS_MAX = 60
_LOOK_SECONDS = 0.0005
_CRASHED = 70
#: Exit code of a command that took too long, as timeout(1) gives it: no kill that was ordered.
HUNG = 124
_PAUSED = "paused"


@dataclass
class Child:
    """One process of quickbooks-sync."""

    pid: int
    output: Path
    note: mmap.mmap
    _launcher: Launcher
    code: int | None = None

    @property
    def doing(self) -> str:
        """What it is in the middle of, or was when it ended."""
        return bytes(self.note[:NOTE_BYTES]).rstrip(b"\0").decode()

    def kill(self) -> None:
        """End it as a power cut would; its number is ours until it is waited for."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)

    def go_on(self) -> None:
        """Let it go on after a pause."""
        os.kill(self.pid, signal.SIGCONT)

    def wait(self) -> int:
        """Its exit code, negative where a signal ended it."""
        if self.code is None:
            self.code = self._launcher.ask({"wait": self.pid})
        return self.code

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        if self.code is None:
            self.code = self._launcher.ask({"look": self.pid})
        return self.code is None

    @property
    def is_paused(self) -> bool:
        """Whether it has just stopped, as with SIGSTOP; its exit code is known if it ended."""
        found = self._launcher.ask({"paused": self.pid})
        if isinstance(found, int):
            self.code = found
        return found == _PAUSED

    def watch(self, fits: Callable[[str], bool], seconds: float) -> bool:
        """Wait until it is in the middle of something; False where that does not come."""
        deadline = time.monotonic() + seconds
        looks = 0
        while time.monotonic() < deadline:
            if fits(self.doing):
                return True
            looks += 1
            if looks % 64 == 0 and not self.is_running:
                return False
            time.sleep(_LOOK_SECONDS)
        return False

    def text(self) -> str:
        """All that it printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")


class Launcher:
    """Forks children.

    It is forked itself, while the process that starts it has no other threads; or spawned, where
    that has some already.
    """

    def __init__(self, bug: str = "", *, spawned: bool = False) -> None:
        context = get_context("spawn" if spawned else "fork")
        self._mine, theirs = context.Pipe()
        gc.collect()
        gc.freeze()
        # A spawned process has no copy of our end
        other = None if spawned else self._mine
        self._process = context.Process(target=_serve, args=(theirs, other, bug), daemon=True)
        self._process.start()
        theirs.close()
        self._count = 0

    def start(
        self,
        folder: Path,
        environment: dict[str, str],
        *arguments: str,
        checked: bool = False,
        pause_at: int = 0,
    ) -> Child:
        """Start a command of quickbooks-sync with these settings, in a working folder.

        checked: with the checks by Great Expectations. pause_at: the commit after which the child
        stops as with SIGSTOP, until somebody lets it go on.
        """
        self._count += 1
        output = folder / f"output-{self._count}"
        place = folder / f"note-{self._count}"
        place.write_bytes(b"start".ljust(NOTE_BYTES, b"\0"))
        with place.open("r+b") as file:
            note = mmap.mmap(file.fileno(), NOTE_BYTES)
        order = {
            "start": arguments,
            "environment": environment,
            "output": str(output),
            "note": str(place),
            "checked": checked,
            "pause_at": pause_at,
        }
        return Child(self.ask(order), output, note, self)

    def ask(self, order: dict[str, Any]) -> Any:
        """Send an order; the answer."""
        self._mine.send(order)
        assert self._mine.poll(COMMAND_SECONDS_MAX + 10), f"the launcher did not answer {order}"
        return self._mine.recv()

    def close(self) -> None:
        """End the launcher."""
        self._mine.send({"end": True})
        self._process.join(timeout=10)
        assert self._process.exitcode == 0, "the launcher did not end"
        self._mine.close()


def load_checks() -> None:
    """Import and use Great Expectations once, before anything is forked; it starts no threads."""
    import tqdm

    tqdm.tqdm.monitor_interval = 0
    (record_type,) = [each for each in catalog().values() if each.name == "vendor"]
    content = {each.name: None for each in record_type.fields}
    subject = validate.Subject(content, None, {})
    assert validate.validate(record_type, Side.PLATFORM, {1: subject}), "a vendor has a name"


def _serve(pipe: Connection, other: Connection | None, bug: str) -> None:
    """The launcher's work: orders come in, children go out."""
    if other is not None:
        other.close()
    with contextlib.suppress(EOFError):  # whoever gave orders is gone
        while "end" not in (order := pipe.recv()):
            if "start" in order:
                pipe.send(_forked(order, bug))
            elif "paused" in order:
                pipe.send(_ended(order["paused"], os.WNOHANG | os.WUNTRACED))
            elif "look" in order:
                pipe.send(_ended(order["look"], os.WNOHANG))
            else:
                pipe.send(_waited_for(order["wait"]))


def _forked(order: dict[str, Any], bug: str) -> int:
    pid = os.fork()
    if pid == 0:
        _be_a_command(order, bug)
    return pid


def _ended(pid: int, options: int) -> int | str | None:
    found, status = os.waitpid(pid, options)
    if not found:
        return None
    return _PAUSED if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)


def _waited_for(pid: int) -> int | str | None:
    """The exit code; a child that takes too long is killed, and has none of its own."""
    deadline = time.monotonic() + COMMAND_SECONDS_MAX
    while time.monotonic() < deadline:
        code = _ended(pid, os.WNOHANG)
        if code is not None:
            return code
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    _ended(pid, 0)
    return HUNG


def _be_a_command(order: dict[str, Any], bug: str) -> NoReturn:
    """The child: run the command line and leave, without any of the launcher's tidying up."""
    code = _CRASHED
    gc.disable()  # it would copy the launcher's memory, for a life of a tenth of a second
    try:
        with Path(order["output"]).open("wb") as file, Path("/dev/null").open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.chdir(Path(order["output"]).parent)
        os.environ.update(order["environment"])
        with Path(order["note"]).open("r+b") as file:
            _instrument(mmap.mmap(file.fileno(), NOTE_BYTES), order["pause_at"])
        if not order["checked"]:
            validate._failed = lambda _asked, _subjects: []
        if bug:
            from tests.acceptance.kill_bugs import plant

            plant(bug)
        code = _run(list(order["start"]))
    except BaseException:  # noqa: BLE001 - the child must not go on as a second launcher
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(arguments: list[str]) -> int:
    try:
        cli.app(arguments, prog_name="quickbooks-sync")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _instrument(note: mmap.mmap, pause_at: int) -> None:
    """Note what is under way, and make the waits between tries short."""
    commit, send = DefaultDialect.do_commit, Transport.send
    sleep, close = SystemClock.sleep, Limiter.close
    counts = {"commit": 0, "call": 0}

    def say(words: str) -> None:
        note[:NOTE_BYTES] = words.encode()[:NOTE_BYTES].ljust(NOTE_BYTES, b"\0")

    def noting_commit(self: Any, connection: Any) -> None:
        counts["commit"] += 1
        say(f"while commit {counts['commit']}")
        commit(self, connection)
        say(f"after commit {counts['commit']}")
        if counts["commit"] == pause_at:
            os.kill(os.getpid(), signal.SIGSTOP)

    def noting_send(self: Any, call: Any, token: str) -> Any:
        counts["call"] += 1
        what = f"{'write' if call.write else 'read'} {call.kind} {counts['call']}"
        say(f"while {what}")
        try:
            return send(self, call, token)
        finally:
            say(f"after {what}")

    DefaultDialect.do_commit = noting_commit
    Transport.send = noting_send  # type: ignore[method-assign]
    SystemClock.sleep = lambda self, seconds: sleep(self, min(seconds, PAUSE_SECONDS_MAX))  # type: ignore[method-assign]
    # A minute without calls after "too many" is measured by the clock, not slept through in one go
    Limiter.close = lambda self, seconds: close(self, min(seconds, PAUSE_SECONDS_MAX))  # type: ignore[method-assign]
