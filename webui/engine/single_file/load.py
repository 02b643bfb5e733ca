"""A checkpoint of one file into its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from webui.core.errors import ModelFileError
from webui.core.model_files.header import Header
from webui.engine.attention import TextAttention
from webui.engine.bundle import PredictionType, TextEncoder
from webui.engine.device import Device
from webui.engine.families import (
    NOISE,
    SD2,
    VARIANTS,
    Family,
    TextPlan,
    Variant,
)
from webui.engine.layout import lay_out_for_cpu
from webui.engine.single_file import contents
from webui.engine.single_file.build import (
    VAE_MULTIPLES,
    build_text_encoder,
    build_unet,
    build_vae,
)
from webui.engine.single_file.contents import PartFile
from webui.engine.single_file.probe import predicts_velocity
from webui.engine.single_file.reading import Progress, read_all
from webui.engine.single_file.shell import Shell
from webui.engine.single_file.text_names import clip_origins, open_clip_origins
from webui.engine.single_file.unet_names import unet_origins
from webui.engine.single_file.vae_names import vae_origins
from webui.engine.tokenizer import ClipTokenizer, load_tokenizer

CLIP_FOLDER = Path(__file__).parents[2] / "data" / "clip"
"""CLIP's tokenizer, which is the same for all families."""

MARK_OF_VELOCITY, MARK_OF_ZERO_TERMINAL = "v_pred", "ztsnr"
"""Empty tensors by which makers of models say how they were trained."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What a file holds, ready to draw with; `vae` and text encoders it lacks are None.

    text_encoders, tokenizers: as many as the family has, in its order. scheduler: settings as
    `webui.engine.model_levels` reads them. unknown: tensors that nothing was done with.
    """

    family: Family
    variant: Variant
    unet: UNet2DConditionModel
    vae: AutoencoderKL | None
    text_encoders: tuple[TextEncoder | None, ...]
    tokenizers: tuple[ClipTokenizer, ...]
    prediction_type: PredictionType
    scheduler: Mapping[str, Any]
    unknown: tuple[str, ...]


def load_file(
    header: Header,
    family: Family,
    device: Device,
    *,
    prediction_type: PredictionType | None = None,
    ema: bool = False,
    vae: bool = True,
    progress: Progress | None = None,
) -> Parts:
    """Loads a checkpoint whose header was read and whose family is known.

    `prediction_type`: what is known of it from elsewhere; else a mark in the file says it, and
    models of SD2, of which both kinds are about, are tried out. `ema`: the moving average
    instead of the last weights, where the file has both. `vae`: False leaves it out, where another
    is to take its place. `progress` may raise to cancel.

    Raises:
        ModelFileError: naming the part and the tensor that is missing or wrong. Every tensor is
            looked for, and every shape compared, before the first weight is read.
    """
    contents.check_marks(header)
    tokenizers = load_tokenizers(family)
    unet = _shell_of_unet(family, contents.unet_part(header, ema=ema))
    vae_part = contents.vae_part(header) if vae else None
    own_vae = None if vae_part is None else _shell_of_vae(family, vae_part)
    texts = [
        _shell_of_text(plan, contents.text_part(header, plan), tokenizer)
        for plan, tokenizer in zip(family.texts, tokenizers, strict=True)
    ]
    shells = [shell for shell in (unet, own_vae, *texts) if shell is not None]
    wanted = [one for shell in shells for one in shell.wanted]
    read_all(wanted, device, progress)
    for shell in shells:
        shell.fill(device)
    model = unet.module
    make_ready(model, device)
    if prediction_type is None:
        prediction_type = _predicted(header, family, model)
    return Parts(
        family=family,
        variant=VARIANTS[model.config["in_channels"]],
        unet=model,
        vae=None if own_vae is None else own_vae.module,
        text_encoders=tuple(None if text is None else text.module for text in texts),
        tokenizers=tokenizers,
        prediction_type=prediction_type,
        scheduler=_scheduler(header, prediction_type),
        unknown=contents.unknown(header, {one.found.name for one in wanted}),
    )


def load_vae(
    header: Header, family: Family, device: Device, progress: Progress | None = None
) -> AutoencoderKL:
    """Loads the autoencoder of a checkpoint, or one that has a file to itself.

    Raises:
        ModelFileError: as `load_file`.
    """
    part = contents.vae_part(header)
    if part is None:
        raise ModelFileError("error.model_no_vae", file=str(header.path))
    shell = _shell_of_vae(family, part)
    read_all(shell.wanted, device, progress)
    return shell.fill(device)


def load_tokenizers(family: Family) -> tuple[ClipTokenizer, ...]:
    """The tokenizer of each text encoder of a family; they differ in what they pad with."""
    clip = load_tokenizer(CLIP_FOLDER)
    return tuple(
        clip if plan.padding is None else replace(clip, pad=plan.padding) for plan in family.texts
    )


def _shell_of_unet(family: Family, part: PartFile) -> Shell[UNet2DConditionModel]:
    module = build_unet(family, part)
    return Shell(module, unet_origins(module.state_dict(), family.unet.layers_per_block), part)


def _shell_of_vae(family: Family, part: PartFile) -> Shell[AutoencoderKL]:
    module = build_vae(family, part)
    return Shell(module, vae_origins(module.state_dict(), len(VAE_MULTIPLES)), part)


def _shell_of_text(
    plan: TextPlan, part: PartFile | None, tokenizer: ClipTokenizer
) -> Shell[TextEncoder] | None:
    if part is None:
        return None
    module = build_text_encoder(plan, part, tokenizer)
    origins = open_clip_origins if plan.open_clip else clip_origins
    return Shell(module, origins(module.state_dict()), part)


def make_ready(unet: UNet2DConditionModel, device: Device) -> None:
    """Gives a UNet our way of attending, and the layout that its device computes fastest in."""
    unet.set_attn_processor(TextAttention())  # type: ignore[arg-type]
    if device.is_cpu and device.dtype == torch.float32:
        lay_out_for_cpu(unet)


def _predicted(header: Header, family: Family, unet: UNet2DConditionModel) -> PredictionType:
    velocity = MARK_OF_VELOCITY in header.tensors
    if family is SD2 and not velocity:
        velocity = predicts_velocity(unet)
    return "v_prediction" if velocity else "epsilon"


def _scheduler(header: Header, prediction_type: PredictionType) -> dict[str, Any]:
    settings = {**NOISE, "prediction_type": prediction_type}
    if MARK_OF_ZERO_TERMINAL in header.tensors:
        settings["rescale_betas_zero_snr"] = True
    return settings
