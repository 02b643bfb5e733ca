"""A model in diffusers' layout, a folder for each part, into the same parts as a single file.

Configurations are read as plain data and only known keys are used, so nothing in a folder can
name code to run or a file to fetch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

from webui.core.errors import ModelFileError
from webui.core.model_files.folders import INDEX, part_weights
from webui.core.model_files.header import Header, read_header, regular_file
from webui.core.model_files.index import read_sharded_header
from webui.engine.bundle import PredictionType, TextEncoder
from webui.engine.device import Device
from webui.engine.families import (
    SD1,
    SD2,
    SDXL,
    SDXL_REFINER,
    VARIANTS,
    Family,
)
from webui.engine.single_file.contents import UNET, VAE, PartFile
from webui.engine.single_file.load import CLIP_FOLDER, Parts, make_ready
from webui.engine.single_file.origins import renamed
from webui.engine.single_file.reading import Progress, read_all
from webui.engine.single_file.shell import Shell
from webui.engine.single_file.text_names import WRAPPER
from webui.engine.tokenizer import ClipTokenizer, load_tokenizer

CLIP_KEYS = frozenset(
    {
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "projection_dim",
        "num_hidden_layers",
        "num_attention_heads",
        "max_position_embeddings",
        "hidden_act",
        "layer_norm_eps",
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
    }
)
OLD_VAE_ATTENTION = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}
"""How VAEs saved before diffusers 0.12 name their attention weights."""

BUILD_ERRORS = (
    StrictDataclassError,
    TypeError,
    ValueError,
    KeyError,
    AttributeError,
    IndexError,
    ZeroDivisionError,
)
"""What the libraries' constructors raise for settings that do not fit together."""

LONGEST_CONFIG = 2**20
PLAIN = {"class_embed_type": (None,), "addition_embed_type": (None, "text_time")}
"""Settings of UNets, and the values of them that can be drawn with."""

OPEN_CLIP_PADDING = 0


def load_folder(
    path: Path,
    device: Device,
    *,
    root: Path | None = None,
    vae: bool = True,
    progress: Progress | None = None,
) -> Parts:
    """Loads the parts of the folder `path`; `root`: the folder that links of shards may lead to.

    `vae`: False leaves it out, where another is to take its place. A folder without vae/ or
    without a text encoder gives None for it. `progress` may raise to cancel.

    Raises:
        ModelFileError: naming the file and what is wrong with it, before the first weight is
            read where that can be known.
    """
    scheduler, scheduler_file = read_settings(path / "scheduler" / "scheduler_config.json")
    prediction_type = _prediction_type(scheduler, scheduler_file)
    unet = _unet(path / "unet", root or path)
    folders = ["text_encoder", "text_encoder_2"]
    family = _family(unet.module, (path / folders[0]).is_dir())
    first = len(folders) - len(family.texts) if family is SDXL_REFINER else 0
    used = folders[first : first + len(family.texts)]
    tokenizers = tuple(_tokenizer(path, name) for name in used)
    texts = [
        _text(path / name, root or path, tokenizer) if (path / name).is_dir() else None
        for name, tokenizer in zip(used, tokenizers, strict=True)
    ]
    own_vae = _vae(path / "vae", root or path) if vae and (path / "vae").is_dir() else None
    shells = [shell for shell in (unet, own_vae, *texts) if shell is not None]
    read_all([one for shell in shells for one in shell.wanted], device, progress)
    for shell in shells:
        shell.fill(device)
    make_ready(unet.module, device)
    return Parts(
        family=family,
        variant=VARIANTS[unet.module.config["in_channels"]],
        unet=unet.module,
        vae=None if own_vae is None else own_vae.module,
        text_encoders=tuple(None if text is None else text.module for text in texts),
        tokenizers=tokenizers,
        prediction_type=prediction_type,
        scheduler=scheduler,
        unknown=tuple(name for shell in shells for name in shell.spare),
    )


def load_vae_folder(
    path: Path, device: Device, *, root: Path | None = None, progress: Progress | None = None
) -> AutoencoderKL:
    """Loads the autoencoder of a folder, which may hold nothing else.

    Raises:
        ModelFileError: as `load_folder`.
    """
    folder = path / "vae" if (path / "vae").is_dir() else path
    shell = _vae(folder, root or path)
    read_all(shell.wanted, device, progress)
    return shell.fill(device)


def read_settings(file: Path) -> tuple[dict[str, Any], Path]:
    """A JSON object, and the file that it was read from.

    Raises:
        ModelFileError: the file is missing, cannot be read, is too long, or is no JSON object.
    """
    with regular_file(file) as stream:
        raw = stream.read(LONGEST_CONFIG + 1)
    try:
        settings = json.loads(raw)
    except (ValueError, RecursionError) as error:  # broken JSON and broken UTF-8 alike
        raise ModelFileError("error.model_corrupt", file=str(file), reason=str(error)) from error
    if not isinstance(settings, dict):
        kind = type(settings).__name__
        raise ModelFileError("error.model_corrupt", file=str(file), reason=f"JSON {kind}")
    return settings, file


def _prediction_type(settings: Mapping[str, Any], file: Path) -> PredictionType:
    kind = settings.get("prediction_type", "epsilon")
    if kind == "epsilon":
        return "epsilon"
    if kind == "v_prediction":
        return "v_prediction"
    raise _unsupported(file, "prediction_type", kind)


def _family(unet: UNet2DConditionModel, two_encoders: bool) -> Family:
    """The family of a UNet, by the settings that set them apart at any width."""
    if unet.config["addition_embed_type"] is not None:
        return SDXL if two_encoders else SDXL_REFINER
    return SD2 if unet.config["use_linear_projection"] else SD1


def _unet(folder: Path, root: Path) -> Shell[UNet2DConditionModel]:
    settings, file = read_settings(folder / "config.json")
    for setting, known in PLAIN.items():
        if settings.get(setting) not in known:
            raise _unsupported(file, setting, settings[setting])
    taken = settings.get("in_channels", 4)
    if not isinstance(taken, int) or taken not in VARIANTS:
        raise _unsupported(file, "in_channels", taken)
    module: UNet2DConditionModel = _built(lambda: UNet2DConditionModel.from_config(settings), file)
    return _shell(module, UNET, folder, root, lambda name: name)


def _vae(folder: Path, root: Path) -> Shell[AutoencoderKL]:
    settings, file = read_settings(folder / "config.json")
    module: AutoencoderKL = _built(lambda: AutoencoderKL.from_config(settings), file)
    return _shell(module, VAE, folder, root, _modern_vae_name)


def _text(folder: Path, root: Path, tokenizer: ClipTokenizer) -> Shell[TextEncoder]:
    settings, file = read_settings(folder / "config.json")
    known = {key: value for key, value in settings.items() if key in CLIP_KEYS}
    # Folders of SD1 give 2 as the end mark, and then the largest token ends a prompt.
    known |= {"bos_token_id": tokenizer.bos, "eos_token_id": tokenizer.eos}
    projected = "CLIPTextModelWithProjection" in str(settings.get("architectures"))
    kind = CLIPTextModelWithProjection if projected else CLIPTextModel
    module: TextEncoder = _built(lambda: kind(CLIPTextConfig(**known)), file)
    # Some classes have a wrapper around their names, and some versions wrote it to files.
    wrapped = any(name.startswith(WRAPPER) for name in module.state_dict())
    inner = ("embeddings.", "encoder.", "final_layer_norm.")

    def usual(name: str) -> str:
        bare = name.removeprefix(WRAPPER)
        return WRAPPER + bare if wrapped and bare.startswith(inner) else bare

    return _shell(module, folder.name, folder, root, usual)


def _tokenizer(path: Path, encoder: str) -> ClipTokenizer:
    """The tokenizer that goes with a text encoder's folder."""
    folder = path / encoder.replace("text_encoder", "tokenizer")
    tokenizer = load_tokenizer(folder if folder.is_dir() else CLIP_FOLDER)
    config = path / encoder / "config.json"
    settings = read_settings(config)[0] if config.is_file() else {}
    open_clip = settings.get("hidden_act") == "gelu"
    return replace(tokenizer, pad=OPEN_CLIP_PADDING) if open_clip else tokenizer


def _built(build: Callable[[], Any], file: Path) -> Any:
    try:
        with torch.device("meta"):
            return build()
    except BUILD_ERRORS as error:
        raise ModelFileError("error.model_corrupt", file=str(file), reason=str(error)) from error


def _shell(
    module: nn.Module, label: str, folder: Path, root: Path, usual: Callable[[str], str]
) -> Shell[Any]:
    file, homes = _homes(folder, root)
    names = {usual(name): name for name in homes}
    part = PartFile(label, str(file), homes, names.get)
    return Shell(module, renamed(module.state_dict(), lambda name: name), part)


def _homes(folder: Path, root: Path) -> tuple[Path, Mapping[str, Header]]:
    """The file, or the index of the files, of a part; and where each tensor is."""
    file = part_weights(folder)
    if file is None:
        pickles = sorted([*folder.glob("*.bin"), *folder.glob("*.ckpt"), *folder.glob("*.pt")])
        if pickles:
            raise ModelFileError("error.model_pickle", file=str(pickles[0]))
        stem = "model" if "text_encoder" in folder.name else "diffusion_pytorch_model"
        raise ModelFileError("error.model_missing", file=str(folder / f"{stem}.safetensors"))
    if file.name.endswith(INDEX):
        return file, read_sharded_header(file, root).shard_of
    header = read_header(file)
    return file, dict.fromkeys(header.tensors, header)


def _modern_vae_name(name: str) -> str:
    for old, new in OLD_VAE_ATTENTION.items():
        name = name.replace(old, new)
    return name


def _unsupported(file: Path, setting: str, got: object) -> ModelFileError:
    return ModelFileError("error.model_unsupported", file=str(file), setting=setting, got=str(got))
