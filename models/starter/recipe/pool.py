"""The pictures and captions to train on, as tensors: made once, then only indexed.

With everything on the device, a training step loads nothing and waits for nobody.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from recipe.captions import caption
from recipe.compose import render
from recipe.render import Icons
from recipe.scenes import KINDS, Scene, SceneMaker
from recipe.styles import COLOURS, STYLES
from recipe.tokenizer import framed
from recipe.vae import encode

CHUNK = 32


@dataclass(eq=False)
class Texts:
    """Captions of scenes. tokens: (N, K, 77) int16; labels: (N, 7) int16, see `labels_of`.

    `empty`: (77,), the tokens of the empty prompt. `sizes`: how many values each label has.
    """

    tokens: Tensor
    labels: Tensor
    empty: Tensor
    sizes: tuple[int, ...]

    def to(self, device: torch.device) -> Texts:
        """The same on another device."""
        return Texts(
            self.tokens.to(device), self.labels.to(device), self.empty.to(device), self.sizes
        )


def make_scenes(icons: Icons, count: int, *, composed: bool, seed: int = 0) -> list[Scene]:
    """The same scenes for the same icons, count and seed.

    Every picture is in them alone on white at least once, if there are enough scenes.
    """
    rng = random.Random(seed)
    maker = SceneMaker(icons, composed=composed)
    alone = [Scene("single", style, (slug,)) for slug, style in icons.rows]
    scenes = [scene for scene in alone if maker.allows(scene)][:count]
    scenes += [maker.make(rng) for _ in range(count - len(scenes))]
    rng.shuffle(scenes)
    return scenes


def make_texts(
    scenes: Sequence[Scene], icons: Icons, tokenizer: Tokenizer, captions: int, seed: int = 0
) -> Texts:
    """`captions` captions of every scene, in both languages."""
    rng = random.Random(seed)
    written = [caption(scene, icons.subjects, rng) for scene in scenes for _ in range(captions)]
    tokens = torch.tensor(framed(tokenizer, written), dtype=torch.int16)
    slugs = {slug: index for index, slug in enumerate(icons.subjects)}
    labels = torch.tensor([labels_of(scene, slugs) for scene in scenes], dtype=torch.int16)
    empty = torch.tensor(framed(tokenizer, [""])[0], dtype=torch.int16)
    sizes = (len(slugs), len(slugs) + 1, len(COLOURS) + 1, len(COLOURS) + 1, len(STYLES), 5, 4)
    return Texts(tokens.reshape(len(scenes), captions, -1), labels, empty, sizes)


def labels_of(scene: Scene, slugs: dict[str, int]) -> list[int]:
    """What a caption says, as numbers: both subjects, tint, background, style, count, kind."""
    colours = {None: 0} | {name: index + 1 for index, name in enumerate(COLOURS)}
    second = slugs[scene.items[1]] + 1 if len(scene.items) > 1 else 0
    return [
        slugs[scene.items[0]],
        second,
        colours[scene.tint],
        colours[scene.background],
        list(STYLES).index(scene.style),
        scene.count,
        KINDS.index(scene.kind),
    ]


def plain_scenes(texts: Texts, favoured: Sequence[int] = ()) -> Tensor:
    """Which scenes show one thing in its own colours, (M,); `favoured` subjects' ones twice."""
    single = texts.labels[:, 6] == KINDS.index("single")
    plain = (single & (texts.labels[:, 2] == 0)).nonzero().flatten()
    twice = torch.isin(texts.labels[plain, 0], texts.labels.new_tensor(favoured))
    return torch.cat([plain, plain[twice]])


@torch.no_grad()
def make_latents(
    scenes: Sequence[Scene],
    icons: Icons,
    vae: AutoencoderKL,
    *,
    moved: bool = True,
    seed: int = 0,
    on_chunk: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """(N, 4, s, s) float16, on the icons' device.

    `moved`: things stand a little different each time, and so do the colours behind them.
    """
    rng = random.Random(seed) if moved else None
    kept = []
    chunk = CHUNK if icons.pixels.device.type == "cpu" else 8 * CHUNK
    for start in range(0, len(scenes), chunk):
        pictures = render(icons, scenes[start : start + chunk], rng)
        with torch.autocast("cuda", torch.bfloat16, enabled=pictures.is_cuda):
            latents = encode(vae, pictures.contiguous(memory_format=torch.channels_last))
        kept.append(latents.half())
        on_chunk(len(latents))
    return torch.cat(kept)


def save_texts(texts: Texts, path: Path) -> None:
    """Written aside and renamed."""
    sizes = torch.tensor(texts.sizes)
    kept = {"tokens": texts.tokens, "labels": texts.labels, "empty": texts.empty, "sizes": sizes}
    aside = path.with_suffix(".part")
    save_file(kept, aside)
    aside.replace(path)


def load_texts(path: Path) -> Texts:
    """What `save_texts` wrote, on the CPU."""
    kept = load_file(path)
    return Texts(kept["tokens"], kept["labels"], kept["empty"], tuple(kept["sizes"].tolist()))


def save_latents(latents: Tensor, path: Path) -> None:
    """Written aside and renamed."""
    aside = path.with_suffix(".part")
    save_file({"latents": latents.cpu().contiguous()}, aside)
    aside.replace(path)


def load_latents(path: Path) -> Tensor:
    """What `save_latents` wrote, on the CPU."""
    return load_file(path)["latents"]
