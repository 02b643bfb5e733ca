"""Folders of models and what they are for, by the names that the known programs give them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from webui.core.model_files.recognition import Kind

OWN_FOLDERS: Mapping[Kind, str] = MappingProxyType(
    {
        "checkpoint": "checkpoints",
        "unet": "checkpoints",
        "vae": "vae",
        "taesd": "vae_approx",
        "text_encoder": "text_encoders",
        "image_encoder": "clip_vision",
        "embedding": "embeddings",
        "lora": "lora",
        "controlnet": "controlnet",
        "t2i_adapter": "controlnet",
        "ip_adapter": "controlnet",
        "motion": "animatediff",
        "hypernetwork": "hypernetworks",
        "upscaler": "upscalers",
    }
)
"""The folder of ours for each kind of file."""

PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in OWN_FOLDERS.values()},
        # stable-diffusion-webui and Forge
        "stable-diffusion": "checkpoints",
        "vae-approx": "vae_approx",
        "text_encoder": "text_encoders",
        "lycoris": "lora",
        "esrgan": "upscalers",
        "realesrgan": "upscalers",
        "swinir": "upscalers",
        "dat": "upscalers",
        "codeformer": "faces",
        "gfpgan": "faces",
        # ComfyUI
        "diffusers": "checkpoints",
        "unet": "checkpoints",
        "diffusion_models": "checkpoints",
        "clip": "text_encoders",
        "loras": "lora",
        "upscale_models": "upscalers",
        "style_models": "style_models",
        "gligen": "gligen",
    }
)
"""What a folder is for, by its name in lower case."""

CHECKPOINTS = "checkpoints"
VAES = "vae"
EMBEDDINGS = "embeddings"
ANYTHING = ""
"""The purpose of a folder whose name says none."""


@dataclass(frozen=True)
class Realm:
    """A folder that belongs to the library, with its real path: links may lead within realms."""

    path: Path
    real: str


def realms_of(folders: Iterable[Path]) -> tuple[Realm, ...]:
    """The folders as realms, each once."""
    found: dict[str, Realm] = {}
    for folder in folders:
        real = os.path.realpath(folder)
        found.setdefault(real, Realm(folder, real))
    return tuple(found.values())


def realm_of(path: str | Path, realms: Sequence[Realm]) -> Realm | None:
    """The realm that a path really lies in, links followed; None for a path outside of all."""
    real = os.path.realpath(path)
    for realm in realms:
        if real == realm.real or real.startswith(realm.real.rstrip(os.sep) + os.sep):
            return realm
    return None


def bases_of(folder: Path) -> tuple[Path, ...]:
    """The folders of a tree in which models lie.

    stable-diffusion-webui and ComfyUI keep them in `models`, the former embeddings beside it. Any
    other folder is one of models itself.
    """
    if (folder / "models").is_dir():
        return (folder / "models", folder / "embeddings")
    return (folder,)


def embedding_folders(roots: Iterable[Path]) -> tuple[Path, ...]:
    """The folders of embeddings that there are in all trees, in the trees' order, each once."""
    found: dict[str, Path] = {}
    for base in (base for root in roots for base in bases_of(root)):
        try:
            inside = sorted(base.iterdir())
        except OSError:  # it is not there, or closed to us
            continue
        for folder in (base, *inside):
            if purpose_of(folder.name) == EMBEDDINGS and folder.is_dir():
                found.setdefault(os.path.realpath(folder), folder)
    return tuple(found.values())


def purpose_of(name: str) -> str:
    """What a folder of this name is for."""
    return PURPOSES.get(name.casefold(), ANYTHING)
