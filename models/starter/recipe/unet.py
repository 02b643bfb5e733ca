"""Training the UNet to predict v.

Salimans & Ho 2022, "Progressive distillation", appendix D: v = alpha * noise - sigma * latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recipe.loop import Dice
from recipe.pool import Texts, plain_scenes
from recipe.text import SHORT, shortened

DROPPED = 0.1
"""How often the caption is left out, so that the model also knows the empty prompt (for CFG)."""

BETA_START, BETA_END, TIMESTEPS = 0.00085, 0.012, 1000


def kept_signal(device: torch.device | None = None) -> Tensor:
    """Abar of every timestep, (1000,) float32, of SD1's scaled-linear betas."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, TIMESTEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, dim=0).float().to(device)


@dataclass(eq=False)
class UnetTask:
    """v prediction of noised latents, told their captions.

    `snr_gamma` None weighs all timesteps alike, which for v keeps the noisiest ones, where text
    decides what the picture becomes; a number weighs as Hang et al. 2023 ("min-SNR") do.
    Before the share `composed_from` of the stage, only single things in their own colours are
    shown, those of the subjects `favoured` twice as often: what a word means is learned before
    how words combine.
    """

    modules: nn.ModuleDict
    latents: Tensor
    texts: Texts
    snr_gamma: float | None = None
    composed_from: float = 0.0
    favoured: Sequence[int] = ()
    name: str = "unet"

    def __post_init__(self) -> None:
        self._abar = kept_signal(self.latents.device)
        self._plain = plain_scenes(self.texts, self.favoured).cpu()

    def loss(self, batch: int, dice: Dice, progress: float) -> Tensor:
        """Mean squared error of v."""
        clean, tokens = self._batch(batch, dice, progress)
        device = clean.device
        t = torch.randint(TIMESTEPS, (batch,), generator=dice.device, device=device)
        noise = torch.randn(clean.shape, generator=dice.device, device=device)
        abar = self._abar[t][:, None, None, None]
        noised = abar.sqrt() * clean + (1 - abar).sqrt() * noise
        wanted = abar.sqrt() * noise - (1 - abar).sqrt() * clean
        predicted = self.predict(noised, t, tokens)
        errors = ((predicted.float() - wanted) ** 2).mean((1, 2, 3))
        return (errors * weights(abar.flatten(), self.snr_gamma)).mean()

    def predict(self, noised: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        """v, (B, 4, s, s)."""
        hidden = self.modules["text_encoder"](input_ids=tokens).last_hidden_state
        unet = self.modules["unet"]
        # Compiled for one length; the rare whole captions on a CPU aren't worth a second time.
        short = tokens.is_cuda or tokens.shape[1] == SHORT
        call = unet if short else unet.forward
        predicted: Tensor = call(noised, t, hidden, return_dict=False)[0]
        return predicted

    def _batch(self, batch: int, dice: Dice, progress: float) -> tuple[Tensor, Tensor]:
        device = self.latents.device
        plain = progress < self.composed_from and len(self._plain) > 0
        count = len(self._plain) if plain else len(self.latents)
        index = torch.randint(count, (batch,), generator=dice.cpu)
        index = self._plain[index] if plain else index
        which = torch.randint(self.texts.tokens.shape[1], (batch,), generator=dice.cpu)
        dropped = torch.rand(batch, generator=dice.cpu) < DROPPED
        index, which, dropped = index.to(device), which.to(device), dropped.to(device)
        tokens = self.texts.tokens[index, which]
        tokens = torch.where(dropped[:, None], self.texts.empty, tokens).long()
        clean = self.latents[index].float().contiguous(memory_format=torch.channels_last)
        return clean, shortened(tokens, self.texts, dice)


def weights(abar: Tensor, gamma: float | None) -> Tensor:
    """The weight of each timestep's error in v: 1, or min(SNR, gamma) / (SNR + 1)."""
    if gamma is None:
        return torch.ones_like(abar)
    snr = abar / (1 - abar)
    return snr.clamp(max=gamma) / (snr + 1)
