"""Sheets of pictures and the loss curve, as PNG files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

GAP = 4
TILE = 128
REDUCE = Image.Resampling.LANCZOS
CURVE = (900, 420)
MARGIN = 50


def to_image(picture: Tensor) -> Image.Image:
    """(3, H, W) in [-1, 1]."""
    values = ((picture.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    return Image.fromarray(values.permute(1, 2, 0).cpu().numpy())


def write_sheet(pictures: Sequence[Tensor], path: Path, *, columns: int = 12) -> None:
    """Pictures row by row on light grey, at most TILE pixels across, in the format of the name."""
    side = min(pictures[0].shape[-1], TILE)
    tiles = [to_image(picture).resize((side, side), REDUCE) for picture in pictures]
    rows = math.ceil(len(tiles) / columns)
    size = (columns * (side + GAP) + GAP, rows * (side + GAP) + GAP)
    sheet = Image.new("RGB", size, (225, 225, 225))
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        sheet.paste(tile, (GAP + column * (side + GAP), GAP + row * (side + GAP)))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True, quality=88, subsampling=0)


def write_curve(losses: Sequence[tuple[int, float, float]], path: Path, title: str) -> None:
    """Loss over steps, smoothed, on a logarithmic axis. `losses`: (step, seconds, loss)."""
    if len(losses) < 2:
        return
    image = Image.new("RGB", CURVE, "white")
    pen = ImageDraw.Draw(image)
    steps = np.array([entry[0] for entry in losses], dtype=float)
    values = np.log(np.maximum([entry[2] for entry in losses], 1e-6))
    window = max(len(values) // 60, 1)
    smooth = np.convolve(values, np.ones(window) / window, mode="valid")
    at = steps[window - 1 :]
    low, high = float(smooth.min()), float(max(smooth.max(), smooth.min() + 1e-3))
    width, height = CURVE[0] - 2 * MARGIN, CURVE[1] - 2 * MARGIN
    x = MARGIN + width * (at - steps[0]) / max(steps[-1] - steps[0], 1)
    y = MARGIN + height * (high - smooth) / (high - low)
    pen.rectangle((MARGIN, MARGIN, MARGIN + width, MARGIN + height), outline=(200, 200, 200))
    pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=(30, 90, 200), width=2)
    for share in (0.0, 0.5, 1.0):
        level = MARGIN + height * share
        pen.text((4, level - 6), f"{math.exp(high - (high - low) * share):.3f}", fill="black")
        step = int(steps[0] + (steps[-1] - steps[0]) * share)
        pen.text((MARGIN + width * share - 12, MARGIN + height + 8), str(step), fill="black")
    last = losses[-1]
    pen.text(
        (MARGIN, 16),
        f"{title}: {last[2]:.4f} at step {last[0]}, {last[1] / 60:.1f} min",
        fill="black",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
