"""What a merged file says about its making, in the form that stable-diffusion-webui writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from webui.core.errors import ModelFileError
from webui.core.merging import MergeOrder
from webui.core.model_files.header import LONGEST_METADATA, regular_file

RECIPE, MODELS = "sd_merge_recipe", "sd_merge_models"
METHODS = {
    "none": "No interpolation",
    "weighted_sum": "Weighted sum",
    "add_difference": "Add difference",
}
READ = 2**22
OURS = ("format", RECIPE, MODELS)


def sha256_of(path: Path, report: Callable[[int], None]) -> str:
    """The hash of a file as 64 hexadecimal digits.

    Raises:
        ModelFileError: it cannot be read.
    """
    digest = hashlib.sha256()
    with regular_file(path) as stream:
        try:
            while piece := stream.read(READ):
                digest.update(piece)
                report(len(piece))
        except OSError as error:
            reason = error.strerror or str(error)
            raise ModelFileError("error.model_unreadable", file=str(path), reason=reason) from error
    return digest.hexdigest()


def metadata_of(
    order: MergeOrder,
    sources: Sequence[tuple[str, Mapping[str, str]]],
    hashes: Sequence[str],
    special: str,
) -> dict[str, str]:
    """The metadata of the result.

    sources: name and metadata of each model, the first one's first. `special`: "inpaint" or
    "ip2p" if it is made for that.
    """
    kept: dict[str, str] = {}
    if order.copy_metadata:
        kept = {key: text for key, text in sources[0][1].items() if key not in OURS}
    kept["format"] = "pt"
    if not order.recipe:
        return kept
    whole = dict(zip(("primary", "secondary", "tertiary"), hashes, strict=False))
    recipe = {
        "type": "inkstone",
        **{f"{role}_model_hash": whole.get(role) for role in ("primary", "secondary", "tertiary")},
        "interp_method": METHODS[order.method],
        "multiplier": order.multiplier,
        "block_weights": order.blocks or None,
        "base_alpha": order.base_alpha,
        "save_as_half": order.precision == "fp16",
        "precision": order.precision,
        "custom_name": order.name,
        "bake_in_vae": order.vae or "None",
        "is_inpainting": special == "inpaint",
        "is_instruct_pix2pix": special == "ip2p",
    }
    models: dict[str, Any] = {}
    for (name, metadata), digest in zip(sources, hashes, strict=True):
        models[digest] = {"name": name, RECIPE: _object(metadata.get(RECIPE))}
    for _, metadata in sources:  # and what those were made of
        for digest, row in (_object(metadata.get(MODELS)) or {}).items():
            models.setdefault(digest, row)
    kept[RECIPE] = json.dumps(recipe, ensure_ascii=False)
    text = json.dumps(models, ensure_ascii=False)
    own = {digest: {"name": name} for (name, _), digest in zip(sources, hashes, strict=True)}
    kept[MODELS] = text if len(text) <= LONGEST_METADATA // 2 else json.dumps(own)
    return kept


def _object(text: str | None) -> dict[str, Any] | None:
    """A JSON object of somebody's metadata; None for anything else."""
    if not text:
        return None
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
