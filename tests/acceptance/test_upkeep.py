"""What runs every day: permissions are kept, their ends told, and the audit log is verified."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from tasks.bootstrap import installation
from tasks.keep_connected import Kept, keep_connected
from tests.acceptance.test_flows import artifacts, run_flow
from tests.fixtures.company import Office
from tests.fixtures.prefect import ON_PREFECT

DAY = 86_400


def kept() -> Kept:
    """What becomes of the one company's permission."""
    said: list[str] = []
    with installation() as place:
        (found,) = keep_connected(place, said.append)
    return found


def causes(office: Office) -> list[str]:
    """Causes of the open alerts."""
    return [each["cause"] for each in office.status()["alerts"]]


def test_a_permission_that_nobody_uses_is_renewed(own_office: Office) -> None:
    """A company is paused for a year: without renewals the permission would end after 100 days."""
    own_office.connect()
    with own_office.engine.begin() as transaction:
        transaction.execute(text("UPDATE connections SET status = 'paused'"))
    assert kept().state == "fresh"
    for _ in range(52):
        own_office.clock.sleep(7 * DAY)
        assert kept().state == "renewed"
    assert causes(own_office) == []


def test_the_end_that_no_renewal_moves_is_told_in_time(own_office: Office) -> None:
    """Five years after it was given it ends: 30 days before, a person is told what to do, and
    connecting again closes the alert."""
    own_office.connect()
    connected_at = own_office.clock_now()
    for _ in range(5 * 365 // 20 + 1):
        own_office.clock.sleep(20 * DAY)
        if (ends := kept()).state != "renewed":
            break
    assert ends.state == "ends soon"
    assert ends.ends_at is not None
    told = ends.ends_at - own_office.clock_now()
    assert timedelta(days=10) <= told <= timedelta(days=30)
    assert ends.ends_at - connected_at > timedelta(days=5 * 365 - 1)
    (alert,) = own_office.status()["alerts"]
    assert alert["cause"] == "permission_ends"
    assert f"{ends.ends_at:%Y-%m-%d}" in alert["title"]
    assert "Connect" in alert["fix"]
    emulator = own_office.emulator
    granted = emulator.emulator.tokens.connect(emulator.client_id, emulator.realm_id)
    own_office.connect(refresh_token=granted.refresh_token)
    assert kept().state == "fresh"
    assert causes(own_office) == []


def test_a_refused_permission_is_told(own_office: Office) -> None:
    """Somebody disconnected the app in QuickBooks while the company was paused."""
    own_office.connect()
    emulator = own_office.emulator
    emulator.emulator.tokens.open_connection(emulator.client_id, emulator.realm_id).revoked = True
    own_office.clock.sleep(8 * DAY)
    assert kept().state == "refused"
    assert causes(own_office) == ["disconnected"]


class TestInPrefect:
    """The same as flows."""

    pytestmark = ON_PREFECT

    def test_keep_connected_shows_each_company(
        self, office: Office, prefect_server: Callable[[], Any]
    ) -> None:
        """A row with the date of its end."""
        from flows.keep_connected import keep_connected_flow

        state = run_flow(keep_connected_flow)
        assert state.message == "1 companies are let in"
        shown = artifacts(prefect_server, state.state_details.flow_run_id)
        assert "20" in str(shown["permissions"].data)

    def test_audit_checkpoint_fails_where_the_log_was_changed(
        self, office: Office, prefect_server: Callable[[], Any]
    ) -> None:
        """As it was written: signed. One entry changed behind the triggers: failed, and named."""
        from flows.audit_checkpoint import audit_checkpoint

        good = run_flow(audit_checkpoint)
        assert good.is_completed()
        with office.engine.begin() as transaction:
            for (name,) in transaction.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).all():
                if "audit" in name:
                    transaction.execute(text(f'DROP TRIGGER "{name}"'))
            transaction.execute(text("UPDATE audit_entries SET actor = 'nobody' WHERE number = 3"))
        bad = run_flow(audit_checkpoint)
        assert bad.is_failed()
        shown = artifacts(prefect_server, bad.state_details.flow_run_id)
        assert '"entry": 3' in str(shown["audit-findings"].data)
