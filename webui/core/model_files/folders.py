"""Models in diffusers' layout: a folder with a folder for each part."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from webui.core.errors import ModelFileError
from webui.core.model_files.content import refuse_other_content
from webui.core.model_files.glance import glance
from webui.core.model_files.header import regular_file
from webui.core.model_files.index import read_sharded_header
from webui.core.model_files.listing import Described
from webui.core.model_files.recognise import recognise
from webui.core.model_files.recognition import Part, Prediction, Recognition

INDEX = ".safetensors.index.json"
PART_FOLDERS: tuple[Part, ...] = ("unet", "vae", "text_encoder", "text_encoder_2")
LONGEST_CONFIG = 2**20


def part_weights(folder: Path) -> Path | None:
    """The weights of a part: one file, or the index of several; full precision first.

    None if the folder has no safetensors file; pickles do not count.
    """
    found = sorted(
        path
        for path in [*folder.glob("*.safetensors"), *folder.glob("*" + INDEX)]
        if "-of-" not in path.name
    )
    # `diffusion_pytorch_model.fp16.safetensors` has a variant before its suffix.
    whole = [path for path in found if path.name.count(".") == (3 if _is_index(path) else 1)]
    return next(iter([*whole, *found]), None)


def look_at_part(weights: Path, root: Path) -> Described:
    """A glance at one file, or the headers of all that an index names; links stay in `root`.

    Raises:
        ModelFileError: as `glance` and `read_sharded_header`.
    """
    if _is_index(weights):
        return read_sharded_header(weights, root)
    refuse_other_content(weights)
    return glance(weights)


def recognise_folder(folder: Path, root: Path | None = None) -> Recognition:
    """What a folder in diffusers' layout holds, by its UNet; links may lead within `root`.

    Raises:
        ModelFileError: it has no UNet as safetensors, or a damaged one.
    """
    weights = part_weights(folder / "unet")
    if weights is None:
        pickles = sorted((folder / "unet").glob("*.bin"))
        if pickles:
            raise ModelFileError("error.model_pickle", file=str(pickles[0]))
        raise ModelFileError("error.model_missing", file=str(folder / "unet"))
    found = recognise(look_at_part(weights, folder if root is None else root))
    parts = frozenset(part for part in PART_FOLDERS if part_weights(folder / part))
    prediction = _prediction(folder) or found.prediction
    kind = "checkpoint" if found.kind == "unet" else found.kind
    return replace(found, kind=kind, parts=parts, prediction=prediction)


def _is_index(path: Path) -> bool:
    return path.name.endswith(INDEX)


def _prediction(folder: Path) -> Prediction | None:
    """What the scheduler's settings say."""
    settings = _settings(folder / "scheduler" / "scheduler_config.json")
    zero_snr = settings.get("rescale_betas_zero_snr") is True
    kind = settings.get("prediction_type")
    if kind == "epsilon":
        return Prediction("epsilon", "sidecar", zero_snr)
    if kind == "v_prediction":
        return Prediction("v_prediction", "sidecar", zero_snr)
    return None


def _settings(file: Path) -> dict[str, Any]:
    """A small JSON file. A damaged one counts as empty; loading says what is wrong with it."""
    try:
        with regular_file(file) as stream:
            settings = json.loads(stream.read(LONGEST_CONFIG))
    except (ModelFileError, ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}
