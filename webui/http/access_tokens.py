"""/api/access-tokens: what one's programs send instead of name and password."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from webui.core.errors import NotAllowed
from webui.http.identity import by_password, owner_of
from webui.http.services import HttpServices
from webui.services.access_tokens import MAX_NOTE, AccessToken


class Note(BaseModel):
    """What the token is for."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"note": "Krita on the laptop"}]}
    )

    note: str = Field("", max_length=MAX_NOTE)


class TokenView(BaseModel):
    """A token without its secret."""

    id: str
    note: str
    created: str


class NewToken(TokenView):
    """A token with its text, which is shown this once."""

    token: str


class TokenList(BaseModel):
    """One's tokens, the oldest first."""

    tokens: list[TokenView]


REFUSALS: dict[int | str, dict[str, Any]] = {
    403: {"description": "Asked with a token, or on a server without accounts."}
}


def router(services: HttpServices) -> APIRouter:
    """The routes. A token cannot make tokens: one that was found out is ended by revoking it."""
    routes = APIRouter(prefix="/api/access-tokens", tags=["session"], responses=REFUSALS)

    def owner(request: Request) -> str:
        name = owner_of(request.headers)
        if name not in services.accounts:
            raise NotAllowed("error.token_accounts")
        if not by_password(request.headers):
            raise NotAllowed("error.token_person")
        return name

    @routes.get("")
    def listed(request: Request) -> TokenList:
        """The asker's own."""
        return TokenList(tokens=[_view(row) for row in services.access.tokens.list(owner(request))])

    @routes.post("")
    def make(request: Request, wanted: Note) -> NewToken:
        """Makes one. Send its text as `Authorization: Bearer ...`."""
        token, text = services.access.tokens.make(owner(request), wanted.note)
        return NewToken(token=text, **_view(token).model_dump())

    @routes.delete("/{token_id}", status_code=204)
    def revoke(request: Request, token_id: str) -> Response:
        """Ends one of the asker's at once."""
        services.access.tokens.revoke(token_id, owner(request))
        return Response(status_code=204)

    return routes


def _view(token: AccessToken) -> TokenView:
    return TokenView(id=token.id, note=token.note, created=token.created)
