"""Checkpoints and VAEs of the library, and what their small files say about them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from webui.core.errors import Message, ModelFileError
from webui.core.events import FilesKind
from webui.core.model_files.folders import part_weights
from webui.core.model_files.header import regular_file
from webui.core.model_files.hints import prediction_of_sidecar
from webui.core.model_files.recognition import Distilled, Prediction, Recognition
from webui.core.request import PARAMETERS
from webui.services.library.walk import Candidate

METADATA = "inkstone.json"
LATENT_FACTOR = 8
LONGEST_SIDECAR = 2**20
CLIP_TOKENIZER = Path(__file__).parents[2] / "data" / "clip"
"""The tokenizer of all families; a folder may bring its own."""

NATIVE_SIZES: Mapping[str, int] = MappingProxyType(
    {"sd1": 512, "sd2": 768, "sdxl": 1024, "sdxl_refiner": 1024}
)
SIZE_OF_EPSILON_SD2 = 512
SIZE_OF_TURBO = 512
OFFICIAL_TURBO = re.compile(r"(?i)^sd[-_]?(xl[-_]?)?turbo")

FEW_STEPS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "lcm": {"steps": 6, "cfg_scale": 1.5, "sampler": "LCM"},
        "turbo": {"steps": 4, "cfg_scale": 1.0, "sampler": "Euler a"},
        "lightning": {
            "steps": 8,
            "cfg_scale": 1.0,
            "sampler": "Euler",
            "schedule": "SGM Uniform",
        },
    }
)
"""What suits distilled models, by their makers' model cards."""

CFG_SCALE_TOLD = 8.0
"""For models that guide themselves: they are told the scale, and were trained with large ones."""


@dataclass(frozen=True)
class ModelEntry:
    """A checkpoint of the library.

    `native_size` is (width, height) in pixels; `defaults` are request fields that suit the
    model; `unet` and `vae` are the parts' configurations as far as they could be read. `size`: in
    bytes. `prediction`: None where a folder's own settings say it to the engine. `root`: the
    folder that links within the model may lead to. `stamp` changes when the model does.
    """

    name: str
    path: Path
    native_size: tuple[int, int]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    unet: Mapping[str, Any] = field(default_factory=dict)
    vae: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind: FilesKind = "folder"
    family: str = ""
    variant: str = "base"
    distilled: str = ""
    has_vae: bool = True
    prediction: Prediction | None = None
    size: int = 0
    root: str | None = None
    stamp: str = ""

    @property
    def tokenizer(self) -> Path:
        """The folder of its tokenizer."""
        own = self.path / "tokenizer"
        return own if self.kind == "folder" and own.is_dir() else CLIP_TOKENIZER

    @property
    def weights(self) -> Path | None:
        """The file that its hash is of: the only one, or a folder's UNet."""
        return self.path if self.kind == "file" else part_weights(self.path / "unet")


@dataclass(frozen=True)
class VaeEntry:
    """A VAE that can be chosen. `families`: those that it may be for."""

    name: str
    path: Path
    kind: FilesKind
    families: tuple[str, ...] = ()
    size: int = 0
    stamp: str = ""

    @property
    def weights(self) -> Path | None:
        """The file that its hash is of."""
        return self.path if self.kind == "file" else part_weights(self.path)


@dataclass(frozen=True)
class Item:
    """A file that is no checkpoint and no VAE, or one that cannot be used.

    `problem` says why, or where the file belongs; None if all is well.
    """

    name: str
    path: Path
    kind: str
    families: tuple[str, ...] = ()
    size: int = 0
    problem: Message | None = None


def checkpoint_entry(candidate: Candidate, found: Recognition, name: str) -> ModelEntry:
    """Reads a checkpoint's small files. Damaged ones give defaults; loading says what is wrong."""
    folder = candidate.form == "folder"
    if folder:
        unet = _json(candidate.path / "unet" / "config.json")
        vae = _json(candidate.path / "vae" / "config.json")
        metadata = _json(candidate.path / METADATA)
        side = _side_of_folder(unet)
        prediction = found.prediction
    else:
        unet, vae = _configuration(found), {}
        metadata = _json(candidate.path.with_suffix(".json"))
        prediction = _prediction(candidate, found)
        side = _side(candidate.path.stem, found, prediction)
    few = _suiting(found.distilled) if found.distilled else {}
    known = {key: value for key, value in _table(metadata, "defaults").items() if key in PARAMETERS}
    defaults = {**few, **known}
    return ModelEntry(
        name=name,
        path=candidate.path,
        native_size=(_pixels(defaults, "width", side), _pixels(defaults, "height", side)),
        defaults=defaults,
        unet=unet,
        vae=vae,
        about={k: v for k, v in _table(metadata, "about").items() if isinstance(v, str)},
        examples=_examples(metadata),
        kind="folder" if folder else "file",
        family=found.family or "",
        variant=found.variant,
        distilled=found.distilled.kind if found.distilled else "",
        has_vae="vae" in found.parts,
        prediction=prediction,
        size=candidate.size,
        root=str(candidate.realm.path) if candidate.realm else None,
        stamp=candidate.stamp,
    )


def _suiting(distilled: Distilled) -> dict[str, object]:
    few = dict(FEW_STEPS.get(distilled.kind, {}))
    if distilled.basis == "keys":
        few["cfg_scale"] = CFG_SCALE_TOLD
    return few


def _prediction(candidate: Candidate, found: Recognition) -> Prediction | None:
    """What a file beside the model says of it, else what the model says."""
    config = candidate.path.with_suffix(".yaml")
    if any(path == config for path, _ in candidate.sidecars):
        said = prediction_of_sidecar(_text(config))
        if said is not None:
            return said
    return found.prediction


def _side(stem: str, found: Recognition, prediction: Prediction | None) -> int:
    if found.distilled and found.distilled.kind == "turbo" and OFFICIAL_TURBO.match(stem):
        return SIZE_OF_TURBO
    if found.family == "sd2" and prediction and prediction.type == "epsilon":
        return SIZE_OF_EPSILON_SD2
    return NATIVE_SIZES.get(found.family or "", 512)


def _side_of_folder(unet: Mapping[str, Any]) -> int:
    sample_size = unet.get("sample_size")
    return sample_size * LATENT_FACTOR if isinstance(sample_size, int) else 512


def _pixels(defaults: Mapping[str, Any], name: str, side: int) -> int:
    given = defaults.get(name)
    return given if type(given) is int else side


def _configuration(found: Recognition) -> dict[str, Any]:
    """What the server reads of a UNet's configuration, from the shapes in a file."""
    if found.unet is None:
        return {}
    return {
        "block_out_channels": list(found.unet.channels),
        "cross_attention_dim": found.unet.context,
    }


def _examples(metadata: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {
        key: tuple(text for text in texts if isinstance(text, str))
        for key, texts in _table(metadata, "examples").items()
        if isinstance(texts, list)
    }


def _table(metadata: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = metadata.get(name)
    return part if isinstance(part, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_text(path))
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _text(path: Path) -> str:
    """A small text file; "" if it is missing, no file, or no text."""
    try:
        with regular_file(path) as file:
            return file.read(LONGEST_SIDECAR).decode("utf-8-sig")
    except (ModelFileError, UnicodeDecodeError):
        return ""
