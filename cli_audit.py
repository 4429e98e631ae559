"""quickbooks-sync audit: verify the log, sign its end, export and archive it, accept a restore."""

from __future__ import annotations

import getpass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli_shared import (
    EXIT_FAILED,
    ConnectionName,
    Json,
    RecordTypeName,
    print_rows,
    say,
    show,
    translated_errors,
)
from connectors.state import audit_archive, audit_export, audit_log, audit_restore, audit_verify
from connectors.state import grants as role_grants
from connectors.state.checkpoints import FILE_SETTING, CheckpointLog
from connectors.state.connections import connection_named
from connectors.state.signing import MAKE_KEY, SIGNING_SETTING
from models.audit import AuditFinding
from models.errors import UsageError
from models.record_type import record_type_named
from tasks import bootstrap

audit_app = typer.Typer(no_args_is_help=True, help="The audit log.")

Reason = Annotated[str, typer.Option("--reason", help="What happened, for who reads this later.")]
Actor = Annotated[str, typer.Option("--actor", help="Who says so; this system's user by default.")]


class Format(StrEnum):
    """Forms of an export."""

    CSV = "csv"
    JSONL = "jsonl"


@audit_app.command("verify")
def verify(
    archive: Annotated[
        Path | None, typer.Option("--archive", help="Verify this archive instead of the log.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Check that nobody has changed the audit log or its checkpoints."""
    with translated_errors(), bootstrap.installation() as place:
        checkpoints = place.checkpoints
        if archive is None:
            verdict = audit_verify.verify(place.engine, checkpoints)
        else:
            verdict = _of_archive(archive, checkpoints, place)
        rows = [_finding(each) for each in verdict.findings]
        facts = {
            "entries": verdict.entries,
            "findings": rows,
            "checkpoints": verdict.checkpoints,
            "last_checkpoint": verdict.last_checkpoint,
            "notes": verdict.notes,
        }
        good = f"{verdict.entries} entries, all as they were written"
        words = f"{good}; {verdict.checkpoints} checkpoints." if not rows else None
        show(facts, as_json=as_json, words=words)
        if not as_json:
            for note in verdict.notes:
                say(note)
            if rows:
                print_rows("The audit log was changed", rows, "")
    if rows:
        raise typer.Exit(EXIT_FAILED)


def _of_archive(
    archive: Path, checkpoints: CheckpointLog | None, place: bootstrap.Installation
) -> audit_verify.Verdict:
    """An archive against the anchors that were signed; findings in their file count, too."""
    if checkpoints is None:
        return audit_verify.verify_archive(archive, None)
    with audit_log.snapshot(place.engine) as connection:
        found = checkpoints.proven(connection)
    verdict = audit_verify.verify_archive(archive, found)
    return audit_verify.Verdict(
        verdict.entries,
        [*found.findings, *verdict.findings],
        verdict.checkpoints,
        verdict.last_checkpoint,
        [*found.notes, *verdict.notes],
    )


def _finding(finding: AuditFinding) -> dict[str, Any]:
    return {
        "connection": finding.connection_id,
        "entry": finding.number,
        "message": finding.message,
    }


@audit_app.command("checkpoint")
def checkpoint(*, as_json: Json = False) -> None:
    """Sign the end of the log now; each cycle does so when it ends."""
    with translated_errors(), bootstrap.installation() as place:
        log = _signing(place)
        assert log.signer is not None
        signed = log.seal()
        facts = {
            "signed": [
                {"connection": each.connection_id, "entry": each.number, "line": each.sequence}
                for each in signed
            ],
            "file": str(log.path),
            "public_key": log.signer.public_key,
        }
        words = f"{len(signed)} checkpoints in {log.path}; public key {log.signer.public_key}"
        show(facts, as_json=as_json, words=words)


@audit_app.command("restored")
def restored(reason: Reason, actor: Actor = "", *, as_json: Json = False) -> None:
    """Say that signed entries were lost because an older database was restored."""
    with translated_errors(), bootstrap.installation() as place:
        signed = audit_restore.restored(
            place.engine, _signing(place), reason=reason, actor=actor or _user()
        )
        rows = [
            {"connection": each.connection_id, "entry": each.number, **each.particulars}
            for each in signed
            if each.kind == "restored"
        ]
        words = f"{len(rows)} losses are noted; `audit verify` shows them from now on."
        show({"restored": rows}, as_json=as_json, words=words)


@audit_app.command("export")
def export(
    form: Annotated[Format, typer.Option("--format", help="csv, or jsonl to verify elsewhere.")],
    connection: ConnectionName = "",
    record_type: RecordTypeName = "",
    kind: Annotated[str, typer.Option(help="Only this kind, such as write.quickbooks.")] = "",
    since: Annotated[str, typer.Option(help="From this day or instant on (ISO).")] = "",
    until: Annotated[str, typer.Option(help="Before this day or instant (ISO).")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", help="A new file; standard output by default.")
    ] = None,
) -> None:
    """Write entries out, with every column: all of them, or the wanted ones."""
    with translated_errors(), bootstrap.installation() as place:
        wanted = audit_export.Wanted(
            connection_id=connection_named(place.engine, connection).id if connection else None,
            record_type=record_type_named(record_type).name if record_type else "",
            kind=kind,
            since=audit_export.instant_of("--since", since),
            until=audit_export.instant_of("--until", until),
        )
        with audit_export.output(output, typer.get_binary_stream("stdout")) as out:
            count = audit_export.export(place.engine, wanted, form.value, out)
        say(f"{count} entries")


@audit_app.command("archive")
def archive(
    before: Annotated[str, typer.Option(help="Entries before this day or instant (ISO).")],
    output: Annotated[Path, typer.Option("--output", help="The new file that they move to.")],
    keep: Annotated[
        int, typer.Option(min=audit_archive.KEEP_MIN, help="Newest entries that stay anyway.")
    ] = 10_000,
    actor: Actor = "",
    *,
    as_json: Json = False,
) -> None:
    """Move the oldest entries of each chain to a file; the rest stays provable."""
    with translated_errors(), bootstrap.installation() as place:
        moved = audit_archive.archive(
            place.engine,
            _signing(place),
            before=audit_export.instant_of("--before", before),
            path=output,
            keep=keep,
            actor=actor or _user(),
        )
        facts = {
            "entries": moved.entries,
            "until": {str(key): number for key, number in moved.until.items()},
            "file": str(output),
            "sha256": moved.file_hash,
        }
        words = f"{moved.entries} entries moved to {output} (SHA-256 {moved.file_hash})."
        show(facts, as_json=as_json, words=words)


@audit_app.command("grants")
def grants(
    role: Annotated[str, typer.Argument(help="The role that the application runs as.")],
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Run the statements as the tables' owner.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what gives PostgreSQL's role its work, and to the log no more than adding."""
    with translated_errors(), bootstrap.installation() as place:
        make = role_grants.apply if apply else role_grants.grants
        statements = make(place.engine, role)
        facts = {"statements": statements, "applied": apply}
        show(facts, as_json=as_json, words="\n".join(f"{each};" for each in statements))


def _signing(place: bootstrap.Installation) -> CheckpointLog:
    """The file of checkpoints, with a key to sign with."""
    log = place.checkpoints
    if place.settings.audit_signer is None:
        raise UsageError(f"{SIGNING_SETTING} is not set; {MAKE_KEY}")
    if log is None:
        raise UsageError(
            f"{FILE_SETTING} is not set; name a file, best on another disk than the database's"
        )
    return log


def _user() -> str:
    """Who runs this, as the system says."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
