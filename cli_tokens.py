"""quickbooks-sync tokens: which programs may use the interface, for whom, and until when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cli_shared import Json, actor_at, print_rows, show, translated_errors
from connectors.state.api_tokens import (
    DAYS_DEFAULT,
    ApiToken,
    all_tokens,
    make_token,
    revoke_token,
)
from models.numbers import NUMBER_MAX
from models.people import role_named
from tasks import bootstrap

tokens_app = typer.Typer(help="Which programs may use the interface.", no_args_is_help=True)


@tokens_app.command()
def add(
    user: Annotated[str, typer.Argument(help="Whom it acts for; it sees what they see.")],
    name: Annotated[str, typer.Option("--name", help="What it is for, such as month-end report.")],
    role: Annotated[
        str, typer.Option("--role", help="viewer, operator or admin, at most what they are.")
    ] = "viewer",
    days: Annotated[int, typer.Option("--days", help="How long it is good.")] = DAYS_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Make a token, and print it once."""
    with translated_errors(), bootstrap.installation() as place:
        actor = actor_at(place)
        made, token = make_token(place.engine, user, name, role_named(role), days, actor=actor)
        facts = {**_row(made, actor.at), "token": token}
        show(facts, as_json=as_json, words=f"Token {made.id}, shown this once: {token}")


@tokens_app.command("list")
def list_tokens(*, as_json: Json = False) -> None:
    """Show all tokens, without what they are."""
    with translated_errors(), bootstrap.installation() as place:
        rows = [_row(each, place.clock.now()) for each in all_tokens(place.engine)]
        show({"tokens": rows}, as_json=as_json, words=None)
        if not as_json:
            print_rows("Tokens", rows, "There are none: `quickbooks-sync tokens add`.")


@tokens_app.command()
def revoke(
    number: Annotated[
        int,
        typer.Argument(
            min=1, max=NUMBER_MAX, help="The token's number, as `tokens list` shows it."
        ),
    ],
    *,
    as_json: Json = False,
) -> None:
    """End a token at once."""
    with translated_errors(), bootstrap.installation() as place:
        actor = actor_at(place)
        revoked = revoke_token(place.engine, number, actor=actor)
        show(
            _row(revoked, actor.at),
            as_json=as_json,
            words=f"Token {number} opens nothing any more.",
        )


def _row(token: ApiToken, now: datetime) -> dict[str, object]:
    return {
        "token_id": token.id,
        "name": token.name,
        "user": token.user,
        "role": token.role.value,
        "good": token.is_good(now),
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "made_by": token.made_by,
    }
