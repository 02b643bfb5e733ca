"""How big a model to train, on what, and for how long: one profile for a GPU, one for a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """A stage of training. Exactly one of `minutes` and `steps` says how long it takes in all.

    The learning rate rises for `warmup` steps, stays at `peak`, and falls along a cosine to
    `floor * peak` from the share `decay_from` of the stage on. `muon` gives matrices orthogonal
    updates instead of AdamW's.
    """

    batch: int
    peak: float
    minutes: float | None = None
    steps: int | None = None
    warmup: int = 100
    decay_from: float = 0.55
    floor: float = 0.01
    ema: float = 0.999
    weight_decay: float = 0.01
    muon: bool = False


@dataclass(frozen=True)
class Profile:
    """Everything that differs between a GPU, a CPU and a test.

    `size`: pixels across, the model's native size. `subjects` None trains every subject, a
    number the first ones of the evaluation's list. `composed` adds pairs, counts, tints and
    wearing. `scenes` pictures are encoded once and trained on, with `captions` captions each.
    `crop`: the VAE first learns from crops of this many pixels; the whole size means none.
    `moved`: no two scenes of a thing are quite alike, which takes some times as many samples.
    `composed_from`: the share of the UNet's training after which composed scenes are shown.
    `decoder`: whether and how the autoencoder's decoder is trained once more, alone.
    `favoured`: how many of the first subjects are shown twice as often as the others, alone.
    `sheet_minutes`: how often sample sheets are drawn while training.
    """

    size: int
    subjects: int | None
    styles: tuple[str, ...]
    composed: bool
    scenes: int
    captions: int
    english_merges: int
    vae_channels: tuple[int, ...]
    unet_channels: tuple[int, ...]
    unet_attention: tuple[bool, ...]
    head_width: int
    norm_groups: int
    text_width: int
    text_layers: int
    crop: int
    judge_width: int
    vae: Plan
    text: Plan
    unet: Plan
    judge: Plan
    workers: int
    sheet_minutes: float
    snr_gamma: float | None = None
    composed_from: float = 0.0
    moved: bool = True
    favoured: int = 0
    decoder: Plan | None = None


ALL_STYLES = ("3d", "flat", "cartoon", "line", "pixel")

PROFILES: Mapping[str, Profile] = {
    "gpu": Profile(
        size=256,
        subjects=None,
        styles=ALL_STYLES,
        composed=True,
        scenes=60_000,
        captions=6,
        english_merges=2600,
        vae_channels=(32, 64, 96, 128),
        unet_channels=(64, 128, 192, 192),
        unet_attention=(False, True, True, True),
        head_width=32,
        norm_groups=16,
        text_width=256,
        text_layers=4,
        crop=256,
        judge_width=48,
        vae=Plan(batch=32, peak=1e-3, minutes=4.5, warmup=200, decay_from=0.5),
        text=Plan(batch=512, peak=1e-3, minutes=0.7),
        unet=Plan(batch=256, peak=1e-3, minutes=14, warmup=500, ema=0.9995, muon=True),
        judge=Plan(batch=256, peak=2e-3, minutes=1.5, decay_from=0.3),
        workers=1,
        sheet_minutes=4,
        decoder=Plan(batch=64, peak=1e-3, minutes=1, decay_from=0.3, ema=0.998, muon=True),
    ),
    "cpu": Profile(
        size=128,
        subjects=220,
        styles=("3d", "flat"),
        composed=True,
        scenes=16_000,
        captions=6,
        english_merges=2600,
        vae_channels=(12, 24, 64, 128),
        unet_channels=(64, 128, 192),
        unet_attention=(False, True, True),
        head_width=32,
        norm_groups=16,
        text_width=256,
        text_layers=4,
        crop=64,
        judge_width=24,
        vae=Plan(batch=4, peak=1e-3, minutes=60, decay_from=0.5),
        text=Plan(batch=64, peak=1e-3, minutes=4),
        unet=Plan(batch=32, peak=6e-4, steps=21_500, decay_from=0.7, ema=0.998, muon=True),
        judge=Plan(batch=32, peak=2e-3, steps=2500, decay_from=0.3),
        workers=2,
        sheet_minutes=15,
        composed_from=1.0,
        moved=False,
        favoured=60,
        decoder=Plan(batch=8, peak=1e-3, minutes=25, decay_from=0.3, ema=0.995, muon=True),
    ),
    "tiny": Profile(
        size=64,
        subjects=None,
        styles=("3d", "flat"),
        composed=True,
        scenes=24,
        captions=3,
        english_merges=60,
        vae_channels=(8, 8, 8, 16),
        unet_channels=(16, 32),
        unet_attention=(False, True),
        head_width=16,
        norm_groups=4,
        text_width=32,
        text_layers=2,
        crop=32,
        judge_width=12,
        vae=Plan(batch=2, peak=1e-3, steps=4, warmup=1),
        text=Plan(batch=4, peak=1e-3, steps=4, warmup=1),
        unet=Plan(batch=2, peak=1e-3, steps=4, warmup=1, ema=0.5),
        judge=Plan(batch=16, peak=5e-3, steps=60, warmup=1, decay_from=0.3),
        workers=1,
        sheet_minutes=1e9,
        decoder=Plan(batch=4, peak=1e-3, steps=4, warmup=1),
    ),
}
"""By name. Rates of the GPU profile are estimates from the CPU's; `run.py speed` measures."""
