"""/api/styles, /api/tokens, /api/embeddings: what people put prompts together from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from webui.core.errors import ModelFileError
from webui.core.pass_fields import MAX_PROMPT_CHARACTERS
from webui.core.prompt.styles import Style
from webui.core.request import EmphasisMode
from webui.http.services import HttpServices
from webui.services.embeddings import EmbeddingEntry
from webui.services.models import ModelEntry

Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)]
Names = Annotated[list[str], Field(max_length=1000)]


class StyleRow(BaseModel):
    """A style as the editor saves it."""

    name: str = Field(max_length=2000, examples=["Ink wash"])
    prompt: Prompt = ""
    negative_prompt: Prompt = ""


class Prompts(BaseModel):
    """A pair of prompts, and styles to apply to it."""

    prompt: Prompt = Field("", examples=["a boat"])
    negative_prompt: Prompt = ""
    styles: Names = Field(default_factory=list)


class Text(BaseModel):
    """A prompt to count, after `styles` are applied to it."""

    text: Prompt = Field(examples=["a (red:1.2) apple"])
    checkpoint: str = Field(default="", max_length=500)
    negative: bool = False
    steps: int = Field(default=20, ge=1, le=150)
    emphasis: EmphasisMode = "Original"
    styles: Names = Field(default_factory=list)


def router(services: HttpServices) -> APIRouter:
    """The routes about words. Styles belong to the server: everybody sees and edits the same."""
    routes = APIRouter(prefix="/api", tags=["words"])
    styles = services.styles

    def listed() -> dict[str, Any]:
        return {"styles": [asdict(style) for style in styles.list()]}

    @routes.get("/styles")
    def all_styles() -> dict[str, Any]:
        return listed()

    @routes.put("/styles")
    def save(row: StyleRow) -> dict[str, Any]:
        styles.save(Style(row.name, row.prompt, row.negative_prompt))
        return listed()

    @routes.delete("/styles", responses={404: {"description": "No style of this name."}})
    def delete(name: Annotated[str, Query(max_length=2000)]) -> dict[str, Any]:
        styles.delete(name)
        return listed()

    @routes.post("/styles/apply")
    def apply(body: Prompts) -> dict[str, str]:
        prompt, negative = styles.apply(body.prompt, body.negative_prompt, body.styles)
        return {"prompt": prompt, "negative_prompt": negative}

    @routes.post("/styles/extract")
    def extract(body: Prompts) -> dict[str, Any]:
        return asdict(styles.extract(body.prompt, body.negative_prompt))

    @routes.post("/tokens")
    def tokens(body: Text) -> dict[str, int]:
        names = services.library.names()
        name = body.checkpoint if body.checkpoint in names else next(iter(names), "")
        try:
            entry = services.library.entry(name)
        except ModelFileError:
            return {"used": 0, "limit": 75}
        pair = ("", body.text) if body.negative else (body.text, "")
        known = [style for style in body.styles if style in styles.names()]
        text = styles.apply(*pair, known)[1 if body.negative else 0]
        used, limit = services.tokens.count(
            entry.tokenizer,
            text,
            steps=body.steps,
            negative=body.negative,
            embeddings=fitting(services.library.embeddings(), entry),
            brackets=body.emphasis != "None",
        )
        return {"used": used, "limit": limit}

    @routes.get("/embeddings")
    def embeddings() -> dict[str, Any]:
        return {"embeddings": [asdict(entry) for entry in services.library.embeddings()]}

    return routes


def fitting(embeddings: Iterable[EmbeddingEntry], model: ModelEntry) -> dict[str, int]:
    """Vectors by name of the embeddings that this model can use, as far as one can know."""
    width = model.unet.get("cross_attention_dim")
    return {e.name: e.vectors or 1 for e in embeddings if width is None or e.width in (None, width)}
