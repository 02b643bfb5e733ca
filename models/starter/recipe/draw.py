"""Pictures of many prompts at once, for sample sheets and the evaluation.

DPM++ 2M (Lu et al. 2022) on Karras' noise levels: what the product draws with by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from tokenizers import Tokenizer
from torch import Tensor
from transformers.models.clip.modeling_clip import CLIPTextModel

from recipe.tokenizer import framed
from recipe.tokenizer import load as load_tokenizer
from recipe.unet import kept_signal
from recipe.vae import decode

RHO = 7.0


@dataclass(eq=False)
class Model:
    """The four parts that draw."""

    vae: AutoencoderKL
    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel
    tokenizer: Tokenizer
    size: int

    @property
    def device(self) -> torch.device:
        """Where the UNet is."""
        return next(self.unet.parameters()).device


def load(folder: Path, device: torch.device) -> Model:
    """The model of an exported folder, in float32."""
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32)
    vae = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    for part in (unet, vae, text):
        part.requires_grad_(False).eval().to(device)
    size = 8 * int(unet.config.sample_size)
    return Model(vae, unet, text, load_tokenizer(folder / "tokenizer"), size)


def start_noise(seeds: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    """(B, *shape): each picture's noise from its own seed, so that batches don't matter."""
    dice = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([torch.randn(shape, generator=die) for die in dice])


def noise_levels(steps: int) -> Tensor:
    """(steps + 1,) float64, falling to 0. Karras et al. 2022, equation 5."""
    abar = kept_signal().double()
    levels = ((1 - abar) / abar).sqrt()
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    high, low = levels[-1] ** (1 / RHO), levels[0] ** (1 / RHO)
    return torch.cat([(high + ramp * (low - high)) ** RHO, torch.zeros(1, dtype=torch.float64)])


@torch.no_grad()
def draw(
    model: Model,
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    cfg_scale: float = 5.0,
    steps: int = 20,
) -> Tensor:
    """Pictures (B, 3, S, S) in [-1, 1] on the CPU, one for each prompt."""
    noise = start_noise(seeds, (4, model.size // 8, model.size // 8)).to(model.device)
    hidden = encode_prompts(model, [*prompts, ""])
    cond, uncond = hidden[:-1], hidden[-1:].expand(len(prompts), -1, -1)
    logs = kept_signal().double()
    logs = ((1 - logs) / logs).sqrt().log()
    levels = noise_levels(steps)
    x, previous = noise * float(levels[0]), None
    for index in range(steps):
        t = _timestep(levels[index].log(), logs)
        clean = _clean(model, x, float(levels[index]), t, cond, uncond, cfg_scale)
        x = _multistep(x, clean, previous, levels, index)
        previous = clean
    return decode(model.vae, x).cpu()


def encode_prompts(model: Model, prompts: Sequence[str]) -> Tensor:
    """(B, 77, D)."""
    tokens = torch.tensor(framed(model.tokenizer, prompts), device=model.device)
    hidden: Tensor = model.text_encoder(input_ids=tokens).last_hidden_state
    return hidden


def _clean(
    model: Model,
    x: Tensor,
    sigma: float,
    t: float,
    cond: Tensor,
    uncond: Tensor,
    cfg_scale: float,
) -> Tensor:
    """The guided prediction of the picture without noise, from v."""
    scale = (sigma**2 + 1) ** -0.5
    times = torch.full((len(x),), t, device=x.device)
    with torch.autocast("cuda", torch.bfloat16, enabled=x.is_cuda):
        v = model.unet(x * scale, times, cond, return_dict=False)[0].float()
        if cfg_scale != 1:
            plain = model.unet(x * scale, times, uncond, return_dict=False)[0].float()
            v = plain + cfg_scale * (v - plain)
    return x * scale**2 - v * (sigma * scale)


def _multistep(
    x: Tensor, clean: Tensor, previous: Tensor | None, levels: Tensor, index: int
) -> Tensor:
    """One step of DPM++ 2M."""
    sigma, following = levels[index], levels[index + 1]
    if float(following) == 0:
        return clean
    h = float(sigma.log() - following.log())
    if previous is None:
        mixed = clean
    else:
        last = float(levels[index - 1].log() - sigma.log())
        share = h / (2 * last)
        mixed = (1 + share) * clean - share * previous
    return float(following / sigma) * x + (1 - float(following / sigma)) * mixed


def _timestep(log_sigma: Tensor, logs: Tensor) -> float:
    """The fractional timestep of a noise level, as the product interpolates it."""
    lower = int((torch.searchsorted(logs, log_sigma, right=True) - 1).clamp(0, len(logs) - 2))
    part = ((log_sigma - logs[lower]) / (logs[lower + 1] - logs[lower])).clamp(0, 1)
    return lower + float(part)
