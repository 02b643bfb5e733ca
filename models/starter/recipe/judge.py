"""An independent eye: a small encoder trained on the renders, never on the model's pictures.

It names the subject and the style of a picture, or of a part of one, by the nearest of its
prototypes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from recipe.compose import WHITE, Place, draw
from recipe.loop import Dice
from recipe.render import Icons
from recipe.styles import COLOURS, STYLES

SIDE = 64
"""Pixels across of what the judge sees."""

SHARPNESS = 16.0
EMBEDDING = 128


class Judge(nn.Module):
    """Pictures (B, 3, S, S) in [-1, 1] of any size to similarities with subjects and styles."""

    def __init__(self, subjects: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for after in (width, 2 * width, 4 * width, 6 * width):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                nn.GroupNorm(4, after),
                nn.SiLU(),
                _Residual(after),
            ]
            before = after
        self.trunk = nn.Sequential(*layers)
        self.project = nn.Linear(before * 4, EMBEDDING)
        self.subjects = nn.Parameter(torch.randn(subjects, EMBEDDING))
        self.style = nn.Linear(EMBEDDING, len(STYLES))

    def embed(self, pictures: Tensor) -> Tensor:
        """(B, 128) of length 1."""
        if pictures.shape[-1] != SIDE:
            pictures = functional.interpolate(
                pictures, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False
            )
        # Quarters of the picture keep their place: a hat is above a head.
        hidden = functional.adaptive_avg_pool2d(self.trunk(pictures), 2).flatten(1)
        return functional.normalize(self.project(hidden).float(), dim=1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the subjects (B, N) and of the styles."""
        embedded = self.embed(pictures)
        similar = embedded @ functional.normalize(self.subjects.float(), dim=1).T
        return SHARPNESS * similar, self.style(embedded * SHARPNESS)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GroupNorm(4, channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x + self.body(x)


@dataclass(eq=False)
class JudgeTask:
    """Names subjects and styles of renders that are moved, scaled, blurred, noisy and tinted."""

    modules: nn.ModuleDict
    icons: Icons
    name: str = "judge"

    def __post_init__(self) -> None:
        slugs = {slug: index for index, slug in enumerate(self.icons.subjects)}
        styles = list(STYLES)
        self._labels = torch.tensor(
            [[slugs[slug], styles.index(style)] for slug, style in self.icons.rows]
        )

    def loss(self, batch: int, dice: Dice, progress: float) -> Tensor:
        """Cross-entropy of the subject, and a part of the style's."""
        rng = random.Random(dice.seed())
        rows = [rng.randrange(len(self._labels)) for _ in range(batch)]
        pictures = spoiled(disordered(self.icons, rows, rng), dice)
        labels = self._labels[rows].to(pictures.device)
        subjects, styles = self.modules["judge"](pictures)
        named = functional.cross_entropy(subjects, labels[:, 0], label_smoothing=0.05)
        return named + 0.3 * functional.cross_entropy(styles, labels[:, 1])


def disordered(icons: Icons, rows: list[int], rng: random.Random) -> Tensor:
    """Things somewhere on white or coloured ground, now and then tinted: (B, 3, S, S)."""
    laid, grounds = [], []
    colours = [rgb for _, rgb in COLOURS.values()]
    for row in rows:
        size = rng.uniform(0.55, 1.05)
        free = max(1 - size, 0.0) / 2 + 0.04
        x, y = 0.5 + rng.uniform(-free, free), 0.5 + rng.uniform(-free, free)
        tint = rng.choice(colours) if rng.random() < 0.15 else None
        laid.append([Place(row, x, y, size, tint)])
        grounds.append(rng.choice(colours) if rng.random() < 0.35 else WHITE)
    return draw(icons, laid, grounds)


def spoiled(pictures: Tensor, dice: Dice) -> Tensor:
    """Blur, noise and a shift of colours: what a drawn picture may suffer and still be named."""
    blurred = functional.interpolate(
        functional.interpolate(pictures, scale_factor=0.4, mode="bilinear", antialias=True),
        pictures.shape[-2:],
        mode="bilinear",
    )
    device, count = pictures.device, len(pictures)

    def draws(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=dice.device, device=device)

    mixed = torch.lerp(pictures, blurred, draws(1, 1, 1))
    gained = mixed * (0.85 + 0.3 * draws(3, 1, 1)) + 0.1 * (draws(3, 1, 1) - 0.5)
    noise = torch.randn(gained.shape, generator=dice.device, device=device)
    return (gained + 0.12 * draws(1, 1, 1) * noise).clamp(-1, 1)


def save(judge: Judge, path: Path) -> None:
    """Weights only."""
    save_file({name: t.cpu().contiguous() for name, t in judge.state_dict().items()}, path)


def load(path: Path, subjects: int, width: int, device: torch.device) -> Judge:
    """What `save` wrote."""
    judge = Judge(subjects, width)
    judge.load_state_dict(load_file(path))
    return judge.requires_grad_(False).eval().to(device)
