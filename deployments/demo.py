"""`quickbooks-sync demo`: the main job for a demo company, with everything running for real.

Starts an emulator of QuickBooks, a database, the pages, a Prefect server and a process that serves
the flows; links the company's books; lets people work on both sides; and runs the three flows
through their deployments until nothing moves any more. All of it lives in one folder and ends with
the command.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select

from connectors.database import reading
from connectors.settings import EMBEDDED_FOLDER, Settings
from connectors.state.people import add_user
from deployments.demo_company import PersonInQuickBooks, PersonOnPlatform
from deployments.processes import Children, environment_of, free_port, interruptible
from models.errors import SyncError
from models.people import Actor, Role
from models.tables.sync import runs
from tasks.bootstrap import Installation, connect_company, installation, open_cycle
from tasks.report import Report, added_up, report_from
from tasks.watching import run_watched

Say = Callable[[str], None]
Shown = Callable[[list[Report]], None]

REALM_ID = "9130357849012345"
REFRESH_TOKEN = "demo-refresh-token"  # noqa: S105 - of the emulator, which exists only meanwhile
CLIENT_ID, CLIENT_SECRET = "demo-client", "demo-secret"
#: Who may sign in to the demo's pages.
USER = "demo"
FLOWS = ("sync-financials", "sync-invoices", "sync-expenses")
#: A cycle in which nothing moves must come within this many.
CYCLES_MAX = 6
START_SECONDS_MAX = 120
RUN_SECONDS_MAX = 180


@dataclass
class Demo:
    """The running parts."""

    folder: Path
    children: Children
    settings: Settings
    base_url: str
    prefect_url: str
    pages_url: str
    environment: dict[str, str]


def run_demo(*, once: bool, say: Say, shown: Shown | None) -> list[Report]:
    """Run the demo; the reports of its cycles.

    Unless once, it stays up until Ctrl-C.

    Raises:
        SyncError: a part did not start, or a run failed.
    """
    folder = (EMBEDDED_FOLDER / "demo").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    children = Children(folder)
    try:
        with interruptible():
            demo = _start(folder, children, say)
            _open_pages(demo, say)
            reports = _cycles(demo, say)
            if shown is not None:
                shown(reports)
            if not once:
                _invite(demo, say)
            while not once:
                children.check()
                time.sleep(1)
            return reports
    except KeyboardInterrupt:
        say("stopping")
        return []
    finally:
        children.stop()


# -- starting the parts --


def _start(folder: Path, children: Children, say: Say) -> Demo:
    say("starting the QuickBooks emulator and the Prefect server")
    port = free_port()
    environment = _environment(folder, port)
    ready_file = folder / "emulator.url"
    children.start("emulator", _emulator_command(ready_file), environment)
    children.start("prefect", _prefect_command(port), environment)
    base_url = _wait_for("the emulator", children, lambda: _first_line(ready_file))
    settings = _settings(folder, base_url)
    prefect_url, pages_port = f"http://127.0.0.1:{port}", free_port()
    pages_url = f"http://127.0.0.1:{pages_port}"
    links = {"QBSYNC_DASHBOARD_URL": pages_url, "QBSYNC_PREFECT_UI_URL": prefect_url}
    environment |= environment_of(settings) | links
    demo = Demo(folder, children, settings, base_url, prefect_url, pages_url, environment)
    _write_environment(demo)
    _wait_for("the Prefect server", children, lambda: _is_healthy(f"{prefect_url}/api/health"))
    # the demo says itself which flow runs when
    served = [sys.executable, "-m", "deployments.serve", "--no-schedules"]
    children.start("flows", served, environment)
    pages = [sys.executable, "-m", "cli", "serve", "--port", str(pages_port)]
    children.start("pages", pages, environment)
    return demo


def _open_pages(demo: Demo, say: Say) -> None:
    """Say where the pages are, and who may sign in; the password is said here and nowhere else."""
    sign_in = f"{demo.pages_url}/sign-in"
    _wait_for("the web application", demo.children, lambda: _is_healthy(sign_in))
    password = secrets.token_urlsafe(12)
    with installation(demo.settings) as place:
        actor = Actor("demo", place.clock.now())
        add_user(place.engine, USER, password, Role.ADMIN, actor=actor)
    say(f"pages: {demo.pages_url}, user {USER}, password {password}")


def _environment(folder: Path, port: int) -> dict[str, str]:
    """Prefect's own settings: everything in the folder, nothing sent anywhere."""
    return {
        **os.environ,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        "PREFECT_LOGGING_LEVEL": "INFO",
    }


def _emulator_command(ready_file: Path) -> list[str]:
    options = {
        "--port": "0",
        "--realm-id": REALM_ID,
        "--client-id": CLIENT_ID,
        "--client-secret": CLIENT_SECRET,
        "--refresh-token": REFRESH_TOKEN,
        "--ready-file": str(ready_file),
    }
    return [
        sys.executable,
        "-m",
        "emulator",
        *(word for pair in options.items() for word in pair),
    ]


def _prefect_command(port: int) -> list[str]:
    """The server itself, without the wrapper process that `prefect server start` adds."""
    application = ["--factory", "prefect.server.api.server:create_app"]
    address = ["--host", "127.0.0.1", "--port", str(port), "--timeout-keep-alive", "5"]
    return [sys.executable, "-m", "uvicorn", *application, *address]


def _settings(folder: Path, base_url: str) -> Settings:
    return Settings(
        database_url=f"sqlite:///{folder}/sync.sqlite3",
        quickbooks_api_url=base_url,
        intuit_client_id=CLIENT_ID,
        intuit_client_secret=SecretStr(CLIENT_SECRET),
        encryption_keys=SecretStr(Fernet.generate_key().decode()),
        audit_signing_key=SecretStr(Fernet.generate_key().decode()),
        audit_checkpoints=str(folder / "audit-checkpoints.jsonl"),
    )


def _write_environment(demo: Demo) -> None:
    """A file to source, so that the other commands can be tried on the demo company."""
    wanted = (name for name in demo.environment if name.startswith(("QBSYNC_", "PREFECT_API")))
    lines = [f"export {name}='{demo.environment[name]}'" for name in wanted]
    path = demo.folder / "environment"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")


def _wait_for(what: str, children: Children, look: Callable[[], str]) -> str:
    """Ask until there is an answer."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        children.check()
        answer = look()
        if answer:
            return answer
        time.sleep(0.1)
    raise SyncError(f"{what} did not start within {START_SECONDS_MAX} s")


def _first_line(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _is_healthy(url: str) -> str:
    try:
        return "yes" if requests.get(url, timeout=2).status_code == requests.codes.ok else ""
    except requests.RequestException:
        return ""  # it does not listen yet


# -- the main job --


def _cycles(demo: Demo, say: Say) -> list[Report]:
    """Link the books, let people work, and run the flows until nothing moves."""
    with installation(demo.settings) as place:
        say("connecting Harbor & Pine Consulting and linking its books")
        connection = connect_company(place, realm_id=REALM_ID, refresh_token=REFRESH_TOKEN)
        with open_cycle(place) as cycle:
            run_watched(cycle, "first-sync")
        say("people work on both sides")
        person = PersonInQuickBooks.sign_in(demo.base_url, REALM_ID)
        person.work()
        person.stumble()
        # QuickBooks keeps whole seconds: whoever edits within the same one ties with it.
        time.sleep(1.1)
        PersonOnPlatform(place.engine, connection.company_id).work()
        reports: list[Report] = []
        while len(reports) < CYCLES_MAX:
            say(f"cycle {len(reports) + 1}: running the three flows through Prefect")
            runs = [_run_flow(demo, place, flow, connection.name, say) for flow in FLOWS]
            reports.append(added_up(runs))
            if reports[-1].moved == 0:
                return reports
        raise SyncError(f"records still move after {CYCLES_MAX} cycles")


def _run_flow(demo: Demo, place: Installation, flow: str, connection: str, say: Say) -> Report:
    """Start a flow's deployment, wait for the run, and read what it noted."""
    started = time.monotonic()
    deployment = _wait_for(
        f"the deployment of {flow}", demo.children, lambda: _deployment_id(demo, flow)
    )
    run = _prefect(
        demo,
        "POST",
        f"/deployments/{deployment}/create_flow_run",
        {"parameters": {"connection": connection}, "enforce_parameter_schema": True},
    )
    state = ""
    while time.monotonic() - started < RUN_SECONDS_MAX:
        demo.children.check()
        found = _prefect(demo, "GET", f"/flow_runs/{run['id']}")
        state = found["state"]["type"]
        if state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            break
        time.sleep(0.25)
    if state != "COMPLETED":
        raise SyncError(f"the run of {flow} ended as {state}; see {demo.folder / 'flows.log'}")
    report = _last_report(place, flow)
    say(f"  {flow}: {report.moved} written, {len(report.parked)} parked")
    return report


def _deployment_id(demo: Demo, flow: str) -> str:
    found = _prefect(
        demo, "POST", "/deployments/filter", {"flows": {"name": {"any_": [flow]}}, "limit": 1}
    )
    return str(found[0]["id"]) if found else ""


def _prefect(demo: Demo, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the Prefect API; a busy SQLite server answers 503 now and then."""
    for _ in range(20):
        answer = requests.request(method, f"{demo.prefect_url}/api{path}", json=body, timeout=30)
        if answer.status_code != requests.codes.service_unavailable:
            answer.raise_for_status()
            return answer.json()
        time.sleep(0.5)
    raise SyncError(f"the Prefect server stays busy: {path}")


def _last_report(place: Installation, flow: str) -> Report:
    """The report that the flow's last run stored."""
    query = select(runs.c.summary).where(runs.c.flow == flow).order_by(runs.c.started_at.desc())
    with reading(place.engine).connect() as connection:
        return report_from(connection.execute(query.limit(1)).scalar_one())


def _invite(demo: Demo, say: Say) -> None:
    """Where to look, and what to try next."""
    lines = (
        f"Pages:       {demo.pages_url}, user {USER}, with the password from above",
        f"Prefect UI:  {demo.prefect_url}",
        f"Emulator:    {demo.base_url}",
        "Try, in another terminal:",
        f"  source {demo.folder / 'environment'}",
        "  quickbooks-sync status",
        "  quickbooks-sync conflicts",
        "  quickbooks-sync audit verify",
        "Change something on either side, then choose Sync now on the pages.",
        "Ctrl-C ends everything.",
    )
    for line in lines:
        say(line)
