"""The library as JSON, in the form that clients get."""

from __future__ import annotations

from typing import Any

from webui.services.conversions import convertible
from webui.services.library.entries import Item, ModelEntry, VaeEntry
from webui.services.library.upscalers import UpscalerEntry
from webui.services.library.walk import legible
from webui.services.models import ModelLibrary, title_of


def library_view(library: ModelLibrary) -> dict[str, Any]:
    """Checkpoints, VAEs and upscalers in the order of the menus, then all other files.

    `hash` is null until it was computed; a list waits for none. Messages have no text yet.
    """
    shelf = library.shelf()
    return {
        "checkpoints": [_checkpoint(library, entry) for entry in shelf.checkpoints.values()],
        "vaes": [_vae(library, entry) for entry in shelf.vaes.values()],
        "upscalers": [_upscaler(entry) for entry in shelf.upscalers.values()],
        "others": [_item(item) for item in shelf.items],
    }


def _checkpoint(library: ModelLibrary, entry: ModelEntry) -> dict[str, Any]:
    prediction = entry.prediction
    return {
        **_listed(library, entry),
        "family": entry.family,
        "variant": entry.variant,
        "distilled": entry.distilled or None,
        "prediction": {"type": prediction.type, "basis": prediction.basis} if prediction else None,
        "has_vae": entry.has_vae,
        "width": entry.native_size[0],
        "height": entry.native_size[1],
        "defaults": dict(entry.defaults),
    }


def _vae(library: ModelLibrary, entry: VaeEntry) -> dict[str, Any]:
    return {**_listed(library, entry), "families": list(entry.families)}


def _upscaler(entry: UpscalerEntry) -> dict[str, Any]:
    """`architecture` and `scale` are null where only loading tells."""
    return {
        "name": entry.name,
        "path": str(entry.path),
        "architecture": entry.architecture or None,
        "scale": entry.scale or None,
        "size": entry.size,
    }


def _listed(library: ModelLibrary, entry: ModelEntry | VaeEntry) -> dict[str, Any]:
    """What is said of every entry of a menu."""
    digest = library.known_hash(entry)
    return {
        "name": entry.name,
        "title": title_of(entry, digest),
        "hash": digest,
        "path": str(entry.path),
        "kind": entry.kind,
        "size": entry.size,
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "name": legible(item.name),
        "path": legible(str(item.path)),
        "kind": item.kind,
        "families": list(item.families),
        "size": item.size,
        "message": item.problem.to_json() if item.problem else None,
        "convertible": convertible(item),
    }
