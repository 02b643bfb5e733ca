"""How fast the UNet trains here, at a few batch sizes: the first minute on a new machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from recipe import parts
from recipe.loop import Trainer
from recipe.pool import Texts
from recipe.tokenizer import POSITIONS
from recipe.unet import UnetTask
from recipe.workshop import Workshop

TOKENS = 6500
SCENES = 1024
STEPS = 30


def measure(shop: Workshop) -> Iterator[str]:
    """A line for each batch size, on random latents and captions."""
    side = shop.profile.size // 8
    latents = torch.randn(SCENES, 4, side, side, device=shop.device)
    tokens = torch.randint(TOKENS, (SCENES, 1, POSITIONS), dtype=torch.int16)
    labels, empty = torch.zeros(SCENES, 7, dtype=torch.int16), tokens[0, 0]
    texts = Texts(tokens, labels, empty, ()).to(shop.device)
    own = shop.profile.unet.batch
    for batch in (own, 2 * own):
        modules: dict[str, nn.Module] = {
            "unet": parts.build_unet(shop.profile),
            "text_encoder": parts.build_text_encoder(shop.profile, TOKENS),
        }
        placed = nn.ModuleDict(modules).to(shop.device)
        plan = replace(shop.profile.unet, batch=batch, minutes=None, steps=10**9)
        trainer = Trainer(UnetTask(placed, latents, texts), plan, shop.device)
        if shop.compiled:
            placed["unet"].compile()
        began = time.monotonic()
        for _ in range(3):
            float(trainer.step(0.0))
        ready = time.monotonic()
        steps = STEPS if shop.device.type == "cuda" else 3
        for _ in range(steps):
            last = trainer.step(0.0)
        float(last)
        rate = steps * batch / (time.monotonic() - ready)
        yield f"batch {batch}: {rate:.0f} samples/s after {ready - began:.0f} s of warming up"
