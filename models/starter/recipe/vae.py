"""Training the autoencoder, and its decoder alone; putting its latents at mean 0, deviation 1."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional

from recipe.compose import render
from recipe.loop import Dice
from recipe.render import Icons
from recipe.scenes import SceneMaker

KL_WEIGHT = 1e-4
CHUNK = 32
WHOLE_FROM = 0.6
"""From this share of the stage on, whole pictures follow the crops: norms see what they will."""
NOISED = 0.15
"""The most noise on the decoder's latents, whose deviation is 1."""


@dataclass(eq=False)
class VaeTask:
    """Reconstructs pictures of random scenes, at first crops of them."""

    modules: nn.ModuleDict
    icons: Icons
    maker: SceneMaker
    crop: int
    name: str = "vae"

    def loss(self, batch: int, dice: Dice, progress: float) -> Tensor:
        """Reconstruction and KL of one batch; of a quarter of it once pictures are whole."""
        cropped = self.crop < self.icons.size and progress < WHOLE_FROM
        whole_batch = batch if self.crop == self.icons.size else max(batch // 4, 1)
        pictures = self.pictures(batch if cropped else whole_batch, dice, cropped=cropped)
        vae: AutoencoderKL = self.modules["vae"]  # type: ignore[assignment]
        posterior = vae.encode(pictures).latent_dist
        noise = torch.randn(
            posterior.mean.shape, generator=dice.device, device=posterior.mean.device
        )
        rebuilt = vae.decode(posterior.mean + posterior.std * noise).sample
        kl = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).mean()
        return reconstruction_loss(rebuilt.float(), pictures) + KL_WEIGHT * kl.float()

    def pictures(self, batch: int, dice: Dice, *, cropped: bool) -> Tensor:
        """(B, 3, S, S) in [-1, 1]."""
        rng = random.Random(dice.seed())
        whole = render(self.icons, [self.maker.make(rng) for _ in range(batch)], rng)
        if cropped:
            last = self.icons.size - self.crop
            corners = [(rng.randint(0, last), rng.randint(0, last)) for _ in range(batch)]
            whole = torch.stack(
                [
                    picture[:, y : y + self.crop, x : x + self.crop]
                    for picture, (x, y) in zip(whole, corners, strict=True)
                ]
            )
        return whole.contiguous(memory_format=torch.channels_last)


@dataclass(eq=False)
class DecoderTask:
    """Rebuilds pictures from latents that stay as they are, noised a little.

    The noise stands for what a UNet gets wrong; without it the decoder relies on details that no
    drawn latent has. Most scenes are single things, which stand still unless `moved`; each fourth
    picture is any scene, moved, to keep the decoder good at what it has not seen often.
    """

    modules: nn.ModuleDict
    icons: Icons
    moved: bool
    name: str = "decoder"

    def __post_init__(self) -> None:
        self._single = SceneMaker(self.icons, composed=False)
        self._any = SceneMaker(self.icons, composed=True)
        self.modules.requires_grad_(False)
        vae: Any = self.modules["vae"]
        vae.decoder.requires_grad_(True)
        vae.post_quant_conv.requires_grad_(True)

    def loss(self, batch: int, dice: Dice, progress: float) -> Tensor:
        """Reconstruction of one batch."""
        rng = random.Random(dice.seed())
        seldom = batch // 4
        single = [self._single.make(rng) for _ in range(batch - seldom)]
        usual = render(self.icons, single, rng if self.moved else None)
        others = render(self.icons, [self._any.make(rng) for _ in range(seldom)], rng)
        pictures = torch.cat([usual, others]).contiguous(memory_format=torch.channels_last)
        vae: AutoencoderKL = self.modules["vae"]  # type: ignore[assignment]
        latents = encode(vae, pictures)
        device = latents.device
        strength = NOISED * torch.rand(batch, 1, 1, 1, generator=dice.device, device=device)
        noise = torch.randn(latents.shape, generator=dice.device, device=device)
        noised = latents + strength * noise
        rebuilt = vae.decode(noised / float(vae.config["scaling_factor"])).sample
        return reconstruction_loss(rebuilt.float(), pictures)


def reconstruction_loss(rebuilt: Tensor, wanted: Tensor) -> Tensor:
    """Pixels, edges, broad shapes and hues. (B, 3, H, W) each.

    Differences between the channels are weighed on their own, since hue is what is learned last
    and what is lost first.
    """
    difference = rebuilt - wanted
    pixels = difference.abs().mean() + 0.5 * (difference**2).mean()
    down = (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
    across = (difference[..., 1:] - difference[..., :-1]).abs().mean()
    broad = functional.avg_pool2d(difference, 8).abs().mean()
    hue = (difference[:, :2] - difference[:, 1:]).abs().mean()
    return pixels + 0.5 * (down + across) + 0.5 * broad + 0.6 * hue


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    """(B, 3, S, S) to latents (B, 4, s, s), scaled as the UNet knows them."""
    mean: Tensor = vae.encode(pictures).latent_dist.mode()
    return mean * float(vae.config["scaling_factor"])


@torch.no_grad()
def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Latents (B, 4, s, s) to pictures (B, 3, S, S) in [-1, 1]."""
    picture: Tensor = vae.decode(latents / float(vae.config["scaling_factor"])).sample
    return picture.float().clamp(-1, 1)


@torch.no_grad()
def normalise(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Changes the VAE so that each channel of these pictures' latents has mean 0, deviation 1.

    The affine map goes into the 1x1 convolutions on both sides of the latents, so what comes
    out of the decoder stays the same and no setting beside `scaling_factor` 1 is needed. Noise
    then weighs equally on every channel, and the pure noise that sampling starts from is right
    on average, although most pictures are mostly white.
    """
    latents = torch.cat([encode(vae, part) for part in pictures.split(CHUNK)])
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3)).clamp(min=1e-3)
    before: Any = vae.quant_conv
    after: Any = vae.post_quant_conv
    channels = len(mean)
    after.bias += (after.weight[:, :, 0, 0] * mean).sum(1)
    after.weight *= deviation[None, :, None, None]
    before.bias[:channels] -= mean
    before.bias[:channels] /= deviation
    before.weight[:channels] /= deviation[:, None, None, None]
    before.bias[channels:] -= 2 * deviation.log()


def psnr(rebuilt: Tensor, wanted: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each picture, (B,), for values in [-1, 1]."""
    error = ((rebuilt - wanted) ** 2).mean((1, 2, 3)).clamp(min=1e-10)
    return 10 * torch.log10(4 / error)
