"""Seal: sign the end of the audit log when a cycle ends, whoever started it and however it ended.

A cycle is never lost for want of a checkpoint: what went wrong becomes an alert of the connection,
which the next checkpoint closes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from connectors.state.checkpoints import FILE_SETTING, CheckpointLog
from connectors.state.port import State
from connectors.state.signing import MAKE_KEY, SIGNING_SETTING
from models.errors import AuditError, BrakeError, SyncError

#: Cause of the alert.
ALERT = "audit_checkpoint"


@contextmanager
def sealed(
    checkpoints: CheckpointLog | None, state: State, progress: Callable[[str], None]
) -> Iterator[None]:
    """Sign what the cycle inside has logged, also where it failed.

    Raises:
        BrakeError: the database is older than what was signed: it was restored from a backup.
    """
    _stop_after_restore(checkpoints, state)
    try:
        yield
    except SyncError:
        seal(checkpoints, state, progress)
        raise
    seal(checkpoints, state, progress)


def _stop_after_restore(checkpoints: CheckpointLog | None, state: State) -> None:
    """Nothing goes on from an older database before a person has said that it was restored."""
    try:
        behind = checkpoints.behind() if checkpoints else ""
    except (AuditError, OSError):
        return  # sealing says what is wrong with the file, and goes on
    if not behind:
        return
    fix = "Run `quickbooks-sync audit restored --reason ...`; the next sync then links everything "
    fix += "again and makes nothing twice."
    error = BrakeError(
        f"the database is older than its audit log: {behind}", brake="restored", fix=fix
    )
    with state.begin() as unit:
        unit.alert("brake", f"{state.connection.name}: {error}", str(error), fix)
    raise error


def seal(checkpoints: CheckpointLog | None, state: State, progress: Callable[[str], None]) -> None:
    """Sign the end of every chain that has grown; where that fails, open an alert."""
    if checkpoints is None or checkpoints.signer is None:
        setting = SIGNING_SETTING if checkpoints else f"{SIGNING_SETTING} and {FILE_SETTING}"
        fix = f"Set {setting}: {MAKE_KEY}, and name a file on another disk than the database's."
        _alert(state, progress, f"{setting}: not set, so nothing signs the audit log", fix)
        return
    try:
        checkpoints.seal()
    except AuditError as error:
        _alert(state, progress, str(error), error.fix)
    except (OSError, DBAPIError) as error:
        fix = "The next cycle writes the checkpoint; look at the disk or database if it does not."
        _alert(state, progress, f"no checkpoint was signed: {error}", fix)
    else:
        with state.begin() as unit:
            unit.close_alerts([ALERT])


def _alert(state: State, progress: Callable[[str], None], message: str, fix: str) -> None:
    progress(f"audit log: {message}. {fix}")
    title = f"{state.connection.name}: the audit log has no new checkpoint"
    with state.begin() as unit:
        unit.alert(ALERT, title, message, fix)
