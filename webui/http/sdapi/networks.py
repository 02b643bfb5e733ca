"""Embeddings and LoRA files, and looking anew at the folders of models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from webui.http.identity import owner_of
from webui.http.sdapi.options import current_checkpoint
from webui.http.sdapi.route import ApiRoute
from webui.http.services import HttpServices
from webui.services.embeddings import EmbeddingEntry
from webui.services.library.walk import legible


def router(services: HttpServices) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=ApiRoute)
    library = services.library

    @routes.get("/loras")
    def loras() -> list[dict[str, Any]]:
        """The LoRA files that were found."""
        return [
            {
                "name": legible(item.path.stem),
                "alias": legible(item.path.stem),
                "path": legible(str(item.path)),
                "metadata": {},
            }
            for item in library.shelf().items
            if item.kind == "lora" and item.problem is None
        ]

    @routes.get("/embeddings")
    def embeddings(request: Request) -> dict[str, Any]:
        """Textual-inversion embeddings: those that fit the asker's checkpoint, and the others."""
        entry = current_checkpoint(services, owner_of(request.headers))
        width = entry.unet.get("cross_attention_dim") if entry else None
        rows = library.embeddings()
        fits = {row.name: width is None or row.width in (None, width) for row in rows}
        return {
            "loaded": {row.name: _embedding(row) for row in rows if fits[row.name]},
            "skipped": {row.name: _embedding(row) for row in rows if not fits[row.name]},
        }

    def refreshing(path: str) -> None:
        @routes.post(path, name=path.strip("/").replace("-", "_"))
        def refresh() -> None:
            """Looks at the folders anew."""
            library.refresh()

    for what in ("checkpoints", "vae", "embeddings", "loras"):
        refreshing(f"/refresh-{what}")

    return routes


def _embedding(entry: EmbeddingEntry) -> dict[str, Any]:
    return {
        "step": None,
        "sd_checkpoint": None,
        "sd_checkpoint_name": None,
        "shape": entry.width,
        "vectors": entry.vectors,
    }
