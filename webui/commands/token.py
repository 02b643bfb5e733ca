"""`token`: access tokens of the accounts of a data folder; a running server heeds them at once."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from webui.commands.folders import DataDir, Language
from webui.commands.given import settings
from webui.commands.speech import Speech, reporting
from webui.core.errors import InvalidRequest, Message
from webui.services.access_tokens import AccessTokens
from webui.services.accounts import MAX_NAME

app = typer.Typer(add_completion=False)


@app.command(help="cli.token")
def token(
    action: Annotated[Literal["make", "list", "revoke"], typer.Argument(help="cli.token.action")],
    what: Annotated[
        str, typer.Argument(help="cli.token.what", metavar="[ACCOUNT|ID]", show_default=False)
    ] = "",
    note: Annotated[str, typer.Option(help="cli.token.note", show_default=False)] = "",
    data_dir: DataDir = None,
    lang: Language = "",
) -> None:
    """Makes a token and prints it once, lists tokens, or ends one."""
    say = Speech(lang)
    with reporting(lang):
        tokens = AccessTokens(settings(data_dir=data_dir).data_dir)
        if action == "list":
            for row in tokens.list(what or None):
                typer.echo(f"{row.id}  {row.owner}  {row.created}  {row.note}".rstrip())
        elif action == "revoke":
            row = tokens.revoke(what)
            typer.echo(say("cli.token.revoked", id=row.id, name=row.owner))
        else:
            if not what or ":" in what or len(what) > MAX_NAME or not what.isprintable():
                raise InvalidRequest(Message("error.token_account", {"got": what[:MAX_NAME]}))
            row, text = tokens.make(what, note)
            typer.echo(say("cli.token.made", id=row.id, name=row.owner), err=True)
            typer.echo(text)
