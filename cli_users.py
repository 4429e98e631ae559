"""quickbooks-sync users: who may sign in to the pages, and as what."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from sqlalchemy import Engine

from cli_shared import Json, actor_at, print_rows, say, show, translated_errors
from connectors.sign_on.places import identity_at
from connectors.state.connections import all_connections, connection_named
from connectors.state.people import add_user, all_users, change_user, made_password, set_password
from models.errors import UsageError
from models.people import PASSWORD_CHARACTERS_MAX, User, role_named
from tasks import bootstrap

users_app = typer.Typer(help="Who may sign in to the pages, and as what.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What they sign in with, such as ann@example.com.")]
RoleName = Annotated[
    str, typer.Option("--role", help="viewer, operator (may decide) or admin (may set).")
]
Companies = Annotated[
    list[str] | None,
    typer.Option("--company", help="A connection that they see; several times. All without it."),
]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@users_app.command()
def add(
    name: Name,
    role: RoleName = "viewer",
    company: Companies = None,
    *,
    password_stdin: FromStdin = False,
    generate: Annotated[
        bool, typer.Option("--generate", help="Make a password, and print it once.")
    ] = False,
    no_password: Annotated[
        bool,
        typer.Option("--no-password", help="They come by single sign-on; no password is theirs."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Let somebody sign in; the first admin is made like this, too."""
    with translated_errors(), bootstrap.installation() as place:
        if sum((password_stdin, generate, no_password)) > 1:
            raise UsageError("give one of --password-stdin, --generate and --no-password")
        chosen = role_named(role)
        seen = _connections(place.engine, company)
        # one that nobody is told is none
        is_made = generate or no_password
        password = made_password() if is_made else _password(from_stdin=password_stdin)
        user = add_user(place.engine, name, password, chosen, seen, actor=actor_at(place))
        facts = _row(place.engine, user) | ({"password": password} if generate else {})
        words = f"{user.name} may sign in as {user.role}."
        show(facts, as_json=as_json, words=words)
        if generate and not as_json:
            typer.echo(f"Password, shown this once: {password}")


@users_app.command("list")
def list_users(*, as_json: Json = False) -> None:
    """Show who may sign in."""
    with translated_errors(), bootstrap.installation() as place:
        rows = [_row(place.engine, each) for each in all_users(place.engine)]
        show({"users": rows}, as_json=as_json, words=None)
        if not as_json:
            print_rows("Users", rows, "Nobody may sign in yet: `quickbooks-sync users add`.")


@users_app.command()
def change(
    name: Name,
    role: RoleName = "",
    company: Companies = None,
    *,
    all_companies: Annotated[
        bool, typer.Option("--all-companies", help="They see all, also those that come later.")
    ] = False,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether they may sign in.")
    ] = None,
    subject: Annotated[
        str,
        typer.Option(
            help="Their number at the OpenID provider, as the page that refused them has it."
        ),
    ] = "",
    forget_subject: Annotated[
        bool,
        typer.Option("--forget-subject", help="Their next single sign-on is like their first."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Change what somebody may; they are signed out, so that it holds at once."""
    with translated_errors(), bootstrap.installation() as place:
        if company and all_companies:
            raise UsageError("--company and --all-companies are two things: give one of them")
        if subject and forget_subject:
            raise UsageError("--subject and --forget-subject are two things: give one of them")
        if not (
            role or company or all_companies or subject or forget_subject or active is not None
        ):
            raise UsageError("nothing to change: give --role, --company, --inactive or --subject")
        user = change_user(
            place.engine,
            name,
            role=role_named(role) if role else None,
            connections=_connections(place.engine, company),
            sees_all=True if all_companies else None,
            is_active=active,
            identity=_identity(place, subject, forget=forget_subject),
            actor=actor_at(place),
        )
        show(_row(place.engine, user), as_json=as_json, words=f"{user.name} is changed.")


@users_app.command()
def password(name: Name, *, password_stdin: FromStdin = False) -> None:
    """Give somebody another password; all their sessions end."""
    with translated_errors(), bootstrap.installation() as place:
        chosen = _password(from_stdin=password_stdin)
        set_password(place.engine, name, chosen, actor=actor_at(place))
        say("It is changed, and all their sessions have ended.")


def _password(*, from_stdin: bool) -> str:
    """What was typed, twice the same; never an argument, which others of this machine could see."""
    if from_stdin:
        return sys.stdin.read(PASSWORD_CHARACTERS_MAX + 2).rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError("nobody is at the keyboard: use --password-stdin or --generate")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _connections(engine: Engine, names: list[str] | None) -> frozenset[int] | None:
    if not names:
        return None
    return frozenset(connection_named(engine, each).id for each in names)


def _identity(place: bootstrap.Installation, subject: str, *, forget: bool) -> str | None:
    """Who somebody is at the provider from now on; None: as before."""
    if forget:
        return ""
    return identity_at(place.settings, subject) if subject else None


def _row(engine: Engine, user: User) -> dict[str, object]:
    seen = [each.name for each in all_connections(engine) if user.sees(each.id)]
    return {
        "name": user.name,
        "role": user.role.value,
        "companies": "all" if user.connections is None else ", ".join(seen),
        "active": user.is_active,
        "identity": user.identity,
    }
