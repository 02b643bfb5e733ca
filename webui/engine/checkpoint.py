"""A diffusers folder of the SD1 family into a `ModelBundle`, from local files only.

Configurations are read as plain data and only known keys are used, so nothing in a folder can
name code to run or a file to fetch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from huggingface_hub.errors import StrictDataclassError
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from webui.core.errors import ModelFileError
from webui.engine.attention import TextAttention
from webui.engine.bundle import ModelBundle, PredictionType
from webui.engine.device import Device
from webui.engine.layout import lay_out_for_cpu
from webui.engine.model_levels import model_sigmas
from webui.engine.tokenizer import load_tokenizer
from webui.engine.weights import fill, find_weights

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
DIFFUSERS_STEM = "diffusion_pytorch_model"
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


def load_bundle(
    path: Path, device: Device, *, name: str | None = None, vae_path: Path | None = None
) -> ModelBundle:
    """Loads unet/, vae/, text_encoder/, tokenizer/ and scheduler/ of the folder `path`.

    `vae_path`: a folder with another VAE (its own config.json and weights, or a whole model).

    Raises:
        ModelFileError: naming the file and what is wrong with it.
    """
    settings, scheduler_file = _config(path / "scheduler", "scheduler_config.json")
    sigmas = model_sigmas(settings, scheduler_file)
    prediction_type = _prediction_type(settings, scheduler_file)
    tokenizer = load_tokenizer(path / "tokenizer")
    text_encoder = _load_text_encoder(path / "text_encoder", device)
    unet = _load_unet(path / "unet", device)
    vae_folder = _vae_folder(path if vae_path is None else vae_path)
    vae = _load_vae(vae_folder, device)
    channels = int(unet.config["in_channels"])
    _match(path / "unet", "cross_attention_dim", unet.config, text_encoder.config.hidden_size)
    _match(vae_folder, "latent_channels", vae.config, channels)
    return ModelBundle(
        name=path.name if name is None else name,
        device=device,
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        sigmas=sigmas,
        prediction_type=prediction_type,
        latent_channels=channels,
        latent_scale=float(vae.config["scaling_factor"]),
        vae_factor=2 ** (len(vae.config["block_out_channels"]) - 1),
        text_layers=int(text_encoder.config.num_hidden_layers),
    )


def _config(folder: Path, name: str = "config.json") -> tuple[dict[str, Any], Path]:
    file = folder / name
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFileError("error.model_missing", file=str(file)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError("error.model_unreadable", file=str(file), reason=reason) from error
    except ValueError as error:  # broken JSON and broken UTF-8 alike
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
    raise ModelFileError(
        "error.model_unsupported", file=str(file), setting="prediction_type", got=str(kind)
    )


def _load_text_encoder(folder: Path, device: Device) -> CLIPTextModel:
    settings, file = _config(folder)
    known = {key: value for key, value in settings.items() if key in CLIP_KEYS}
    try:
        with torch.device("meta"):
            model = CLIPTextModel(CLIPTextConfig(**known))
    except BUILD_ERRORS as error:
        raise ModelFileError("error.model_corrupt", file=str(file), reason=str(error)) from error
    weights = find_weights(folder, "model")
    model = fill(model, weights, device, lambda name: name.removeprefix("text_model."))
    # Not a weight, so no file holds it: it is still on the meta device.
    positions = torch.arange(model.config.max_position_embeddings, device=device.torch_device)
    model.embeddings.register_buffer("position_ids", positions[None], persistent=False)
    return model


def _load_unet(folder: Path, device: Device) -> UNet2DConditionModel:
    settings, file = _config(folder)
    for setting, plain in (("addition_embed_type", None), ("class_embed_type", None)):
        if settings.get(setting) != plain:
            raise _unsupported(file, setting, settings[setting])
    if settings.get("in_channels", 4) != settings.get("out_channels", 4):
        raise _unsupported(file, "in_channels", settings.get("in_channels"))
    try:
        with torch.device("meta"):
            model: UNet2DConditionModel = UNet2DConditionModel.from_config(settings)
    except BUILD_ERRORS as error:
        raise ModelFileError("error.model_corrupt", file=str(file), reason=str(error)) from error
    model = fill(model, find_weights(folder, DIFFUSERS_STEM), device, lambda name: name)
    model.set_attn_processor(TextAttention())  # type: ignore[arg-type]
    if device.is_cpu and device.dtype == torch.float32:
        lay_out_for_cpu(model)
    return model


def _vae_folder(path: Path) -> Path:
    return path / "vae" if (path / "vae").is_dir() else path


def _load_vae(folder: Path, device: Device) -> AutoencoderKL:
    settings, file = _config(folder)
    try:
        with torch.device("meta"):
            model: AutoencoderKL = AutoencoderKL.from_config(settings)
    except BUILD_ERRORS as error:
        raise ModelFileError("error.model_corrupt", file=str(file), reason=str(error)) from error
    return fill(model, find_weights(folder, DIFFUSERS_STEM), device, _modern_vae_name)


def _modern_vae_name(name: str) -> str:
    for old, new in OLD_VAE_ATTENTION.items():
        name = name.replace(old, new)
    return name


def _match(folder: Path, setting: str, config: Mapping[str, Any], wanted: int) -> None:
    got = config[setting]
    if got != wanted:
        raise ModelFileError(
            "error.model_mismatch",
            file=str(folder / "config.json"),
            setting=setting,
            got=str(got),
            wanted=wanted,
        )


def _unsupported(file: Path, setting: str, got: object) -> ModelFileError:
    return ModelFileError("error.model_unsupported", file=str(file), setting=setting, got=str(got))
