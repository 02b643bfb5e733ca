"""The place where a run works: its folder, its profile, its device, and the parts made so far."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from tokenizers import Tokenizer
from torch import nn
from transformers.models.clip.modeling_clip import CLIPTextModel

from recipe import judge as judges
from recipe import parts, render, tokenizer
from recipe.draw import Model
from recipe.evaluate import LIST
from recipe.loop import Deadline, Trainer
from recipe.profiles import Plan, Profile

Watch = Callable[[str, Trainer, float], None]
"""(stage, trainer, mean loss), every few steps."""


@dataclass(frozen=True, eq=False)
class Workshop:
    """Where a run keeps its files, and how it works.

    `start`: an exported model whose fitting weights training begins from. `checkpointed` is
    called after each checkpoint. `read`: the icons by size.
    """

    folder: Path
    profile: Profile
    device: torch.device
    deadline: Deadline
    workers: int
    compiled: bool
    start: Path | None
    watch: Watch
    checkpointed: Callable[[Workshop, Trainer], None]
    data: Path
    read: dict[int, render.Icons] = field(default_factory=dict)

    def icons(self, size: int | None = None) -> render.Icons:
        """The profile's pictures, on the device."""
        wanted, whole = size or self.profile.size, self.profile.size
        if whole not in self.read:
            count = self.profile.subjects
            slugs = None if count is None else _listed()[:count]
            pictures = render.read_pack(self.data, whole, styles=self.profile.styles, slugs=slugs)
            self.read[whole] = pictures.to(self.device)
        if wanted not in self.read:
            self.read[wanted] = self.read[whole].shrunk(wanted)
        return self.read[wanted]

    def favoured(self) -> list[int]:
        """The numbers, in the order of the icons, of the subjects that are shown more often."""
        if not self.profile.favoured:
            return []
        numbers = {slug: index for index, slug in enumerate(self.icons().subjects)}
        return [numbers[s] for s in _listed()[: self.profile.favoured] if s in numbers]

    def checkpoint(self, stage: str) -> Path:
        """Where a stage keeps what it resumes from."""
        return self.folder / "checkpoints" / f"{stage}.pt"

    def part(self, name: str) -> Path:
        """Where a finished part is."""
        return self.folder / "parts" / f"{name}.pt"

    @property
    def best_vae(self) -> Path:
        """The autoencoder whose decoder was trained once more, if there is one; same latents."""
        sharper = self.part("decoder")
        return sharper if sharper.is_file() else self.part("vae")


def _listed() -> list[str]:
    """The subjects that are evaluated, those that people ask for first before the others."""
    listed: list[str] = json.loads(LIST.read_text(encoding="utf-8"))["subjects"]
    return listed


def load_judge(shop: Workshop, count: int) -> judges.Judge:
    """The finished judge."""
    return judges.load(shop.part("judge"), count, shop.profile.judge_width, shop.device)


def assemble(shop: Workshop, averages: nn.ModuleDict | None = None) -> Model:
    """The model as far as it is trained: of `averages`, else of the UNet stage's checkpoint."""
    if averages is None:
        modules = {"unet": parts.build_unet(shop.profile), "text_encoder": load_text_encoder(shop)}
        averages = placed_on(modules, shop.device)
        state = torch.load(shop.checkpoint("unet"), map_location=shop.device, weights_only=True)
        averages.load_state_dict(state["averages"])
    unet: Any = averages["unet"]
    text: Any = averages["text_encoder"]
    averages.eval()
    vae = load_vae(shop, shop.best_vae)
    return Model(vae, unet, text, read_tokenizer(shop), shop.profile.size)


def load_vae(shop: Workshop, path: Path) -> AutoencoderKL:
    """The finished autoencoder."""
    vae = parts.build_vae(shop.profile)
    vae.load_state_dict(torch.load(path, weights_only=True))
    placed: Any = vae.requires_grad_(False).eval()
    loaded: AutoencoderKL = placed.to(shop.device, memory_format=torch.channels_last)
    return loaded


def load_text_encoder(shop: Workshop) -> CLIPTextModel:
    """The pre-trained text encoder."""
    encoder = parts.build_text_encoder(shop.profile, read_tokenizer(shop).get_vocab_size())
    encoder.load_state_dict(torch.load(shop.part("text_encoder"), weights_only=True))
    return encoder


def read_tokenizer(shop: Workshop) -> Tokenizer:
    """The trained tokenizer."""
    return tokenizer.load(shop.folder / "tokenizer")


def placed_on(modules: dict[str, nn.Module], device: torch.device) -> nn.ModuleDict:
    """Ready to be trained, in the layout that convolutions are fastest in."""
    placed = nn.ModuleDict(modules).train()
    return placed.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def save_part(module: nn.Module, path: Path) -> None:
    """Keeps a finished part, written aside and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    torch.save({name: t.cpu() for name, t in module.state_dict().items()}, aside)
    aside.replace(path)


def with_minutes(profile: Profile, stage: str, minutes: float) -> Profile:
    """The profile with another total for a stage."""
    plan: Plan = getattr(profile, stage)
    changed: dict[str, Any] = {stage: replace(plan, minutes=minutes, steps=None)}
    return replace(profile, **changed)
