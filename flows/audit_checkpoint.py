"""The flow that verifies the audit log and signs its end."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from connectors.state import audit_verify
from models.errors import UsageError
from tasks.bootstrap import installation
from tasks.prefect_steps import ROWS_MAX


@flow(name="audit-checkpoint")
def audit_checkpoint() -> State[dict[str, Any]]:
    """Check that nobody has changed the audit log, and sign where it ends.

    Every cycle signs the end of its own company's log; this run looks at the whole of it. It fails
    where an entry or a checkpoint is not as it was written.

    Raises:
        UsageError: no signing key or no file of checkpoints is set.
    """
    log = get_run_logger()
    with installation() as place:
        checkpoints = place.checkpoints
        if checkpoints is None or checkpoints.signer is None:
            raise UsageError(
                "QBSYNC_AUDIT_SIGNING_KEY and QBSYNC_AUDIT_CHECKPOINTS are not set for this "
                "worker; without them nothing signs the audit log"
            )
        verdict = audit_verify.verify(place.engine, checkpoints)
        for note in verdict.notes:
            log.warning(note)
        signed = [] if verdict.findings else checkpoints.seal()
    figures = {
        "entries": verdict.entries,
        "checkpoints": verdict.checkpoints + len(signed),
        "findings": len(verdict.findings),
    }
    if verdict.findings:
        create_table_artifact(
            key="audit-findings",
            table=[
                {
                    "connection": each.connection_id,
                    "entry": each.number,
                    "message": each.message,
                }
                for each in verdict.findings[:ROWS_MAX]
            ],
            description="What is not as it was written; nothing was signed.",
        )
        return Failed(
            name="AuditLogChanged",
            message=f"{len(verdict.findings)} findings; see the artifact 'audit-findings'",
            data=figures,
        )
    return Completed(message=f"{verdict.entries} entries, all as they were written", data=figures)
