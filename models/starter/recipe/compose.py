"""Scenes to pictures, in batches, on any device."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from recipe.render import Icons
from recipe.scenes import GLASSES, Scene
from recipe.styles import COLOURS, RGB

LAYERS = 4
"""The most things on one picture."""

WHITE: RGB = (1.0, 1.0, 1.0)
SMALL = 0.6
"""Up to this share of the side, things are drawn from a half-size copy, which keeps edges clean."""


@dataclass(frozen=True)
class Place:
    """A thing on a picture: the icon's row, its centre and side as shares of the picture's."""

    row: int
    x: float
    y: float
    size: float
    tint: RGB | None = None

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom, cut off at the picture's edge."""
        half = self.size / 2
        edges = (self.x - half, self.y - half, self.x + half, self.y + half)
        left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in edges)
        return left, top, right, bottom


def places(scene: Scene, icons: Icons, rng: random.Random | None = None) -> list[Place]:
    """Where everything goes, back to front; `rng` moves and scales things a little."""
    rows = [icons.rows[slug, scene.style] for slug in scene.items]
    tint = None if scene.tint is None else COLOURS[scene.tint][1]
    if scene.kind == "wear":
        put = _worn(scene, icons, rows)
    else:
        spots = _spots(scene)
        rows = rows * scene.count if scene.kind == "count" else rows
        put = [Place(row, *spot) for row, spot in zip(rows, spots, strict=True)]
    if tint is not None:
        put[0] = Place(put[0].row, put[0].x, put[0].y, put[0].size, tint)
    if rng is None:
        return put
    move_x, move_y, grow = rng.gauss(0, 0.012), rng.gauss(0, 0.012), rng.uniform(0.92, 1.04)
    return [
        Place(p.row, _about(p.x, grow) + move_x, _about(p.y, grow) + move_y, p.size * grow, p.tint)
        for p in put
    ]


def _about(share: float, grow: float) -> float:
    return 0.5 + (share - 0.5) * grow


def _spots(scene: Scene) -> list[tuple[float, float, float]]:
    """(x, y, size) of each thing."""
    number = 2 if scene.kind == "pair" else scene.count
    if number == 1:
        return [(0.5, 0.5, 0.88)]
    if number == 2:
        return [(0.26, 0.5, 0.47), (0.74, 0.5, 0.47)]
    if number == 3:
        return [(0.5, 0.26, 0.45), (0.26, 0.74, 0.45), (0.74, 0.74, 0.45)]
    return [(x, y, 0.45) for y in (0.26, 0.74) for x in (0.26, 0.74)]


def _worn(scene: Scene, icons: Icons, rows: Sequence[int]) -> list[Place]:
    """A hat stands on the top of the head, glasses sit before the eyes."""
    size, x, y = 0.72, 0.5, 0.6
    left, top, right, bottom = (float(edge) for edge in icons.boxes[rows[0]])
    worn = [float(edge) for edge in icons.boxes[rows[1]]]
    middle = x + ((left + right) / 2 - 0.5) * size
    head_top, head_height = y + (top - 0.5) * size, (bottom - top) * size
    width = (right - left) * size * (0.72 if scene.items[1] in GLASSES else 0.7)
    worn_size = width / max(worn[2] - worn[0], 0.2)
    worn_middle = ((worn[0] + worn[2]) / 2 - 0.5) * worn_size
    if scene.items[1] in GLASSES:
        level = head_top + 0.45 * head_height
        worn_y = level - ((worn[1] + worn[3]) / 2 - 0.5) * worn_size
    else:
        level = head_top + 0.16 * head_height
        worn_y = level - (worn[3] - 0.5) * worn_size
    return [Place(rows[0], x, y, size), Place(rows[1], middle - worn_middle, worn_y, worn_size)]


def background_colour(scene: Scene, rng: random.Random | None = None) -> RGB:
    """White, or the named colour, which `rng` varies a little."""
    if scene.background is None:
        return WHITE
    red, green, blue = COLOURS[scene.background][1]
    if rng is None:
        return red, green, blue
    light = rng.gauss(0, 0.02)
    shades = [min(max(c + light + rng.gauss(0, 0.015), 0.0), 1.0) for c in (red, green, blue)]
    return shades[0], shades[1], shades[2]


def render(icons: Icons, scenes: Sequence[Scene], rng: random.Random | None = None) -> Tensor:
    """Pictures (B, 3, S, S) in [-1, 1], on the icons' device."""
    laid = [places(scene, icons, rng) for scene in scenes]
    grounds = [background_colour(scene, rng) for scene in scenes]
    return draw(icons, laid, grounds)


def draw(icons: Icons, laid: Sequence[Sequence[Place]], grounds: Sequence[RGB]) -> Tensor:
    """Pictures (B, 3, S, S) in [-1, 1] of things that are already placed.

    In float32 also inside an autocast region: half a pixel is more than bfloat16 can tell.
    """
    with torch.autocast(icons.pixels.device.type, enabled=False):
        return _draw(icons, laid, grounds)


def _draw(icons: Icons, laid: Sequence[Sequence[Place]], grounds: Sequence[RGB]) -> Tensor:
    device = icons.pixels.device
    canvas = torch.tensor(grounds, device=device)[:, :, None, None]
    canvas = canvas.expand(-1, -1, icons.size, icons.size).clone()
    for layer in range(LAYERS):
        for small in (False, True):
            index = [
                i
                for i, put in enumerate(laid)
                if len(put) > layer and (put[layer].size <= SMALL) == small
            ]
            if index:
                put = [laid[i][layer] for i in index]
                where = torch.tensor(index, device=device)
                canvas[where] = _over(canvas[where], _layer(icons, put, halve=small))
    return canvas * 2 - 1


def _over(canvas: Tensor, layer: Tensor) -> Tensor:
    return layer[:, :3] + canvas * (1 - layer[:, 3:])


def _layer(icons: Icons, put: Sequence[Place], *, halve: bool) -> Tensor:
    """(B, 4, S, S), premultiplied: each icon at its place."""
    device = icons.pixels.device
    rows = torch.tensor([place.row for place in put], device=device)
    picture = icons.pixels[rows].float() / 255
    tints = torch.tensor([place.tint or WHITE for place in put], device=device)
    tinted = torch.tensor([place.tint is not None for place in put], device=device)
    colour = torch.where(tinted[:, None, None, None], recolour(picture, tints), picture[:, :3])
    premultiplied = torch.cat([colour * picture[:, 3:], picture[:, 3:]], dim=1)
    if halve:
        premultiplied = functional.avg_pool2d(premultiplied, 2)
    grid = _grid(put, icons.size, device)
    return functional.grid_sample(premultiplied, grid, mode="bilinear", align_corners=False)


def _grid(put: Sequence[Place], size: int, device: torch.device) -> Tensor:
    """(B, S, S, 2): for each pixel of the canvas the place in the icon, both in [-1, 1].

    Plain sums, since `affine_grid` multiplies matrices, which GPUs do in reduced precision.
    """
    where = torch.tensor([[p.x, p.y, p.size] for p in put], device=device)
    axis = (torch.arange(size, device=device) * 2 + 1) / size - 1
    x = (axis - (2 * where[:, :1] - 1)) / where[:, 2:]
    y = (axis - (2 * where[:, 1:2] - 1)) / where[:, 2:]
    across = x[:, None, :].expand(-1, size, -1)
    down = y[:, :, None].expand(-1, -1, size)
    return torch.stack([across, down], dim=-1)


def recolour(picture: Tensor, tints: Tensor) -> Tensor:
    """(B, 4, S, S) with (B, 3) tints -> (B, 3, S, S): light and dark kept, the hue replaced.

    The thing's mean lightness becomes the tint itself; what is darker runs to black, what is
    lighter to white.
    """
    light = (picture[:, :3] * picture.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)
    weight = picture[:, 3]
    mean = (light * weight).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1)
    share = light / (2 * mean.clamp(0.15, 0.85)[:, None, None])
    dark = (share * 2).clamp(0, 1)[:, None] * tints[:, :, None, None]
    pale = ((share * 2 - 1).clamp(0, 1) * 0.75)[:, None]
    return dark + (1 - dark) * pale
