"""What can be said of a drawn picture without looking at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from recipe.compose import Place, places, render
from recipe.judge import Judge
from recipe.render import Icons
from recipe.scenes import Scene
from recipe.styles import COLOURS, DEFAULT_STYLE, STYLES
from recipe.vae import psnr

BORDER = 0.04
NEAR = 0.12
"""How far a pixel's colour may be from the background's and still belong to it, in [-1, 1]."""

BATCH = 64


@dataclass(frozen=True)
class Named:
    """Shares of pictures whose subject the judge names first, and among the first five."""

    top1: float
    top5: float


@torch.no_grad()
def ranked(judge: Judge, pictures: Tensor) -> Tensor:
    """(B, 5) subjects, best first. pictures: (B, 3, S, S) in [-1, 1]."""
    device = next(judge.parameters()).device
    rows = [judge(part.to(device))[0] for part in pictures.split(BATCH)]
    similar = torch.cat(rows)
    return similar.topk(min(5, similar.shape[1]), dim=1).indices.cpu()


def named(best: Tensor, wanted: Sequence[int]) -> Named:
    """Scores rankings (B, 5) against the right subjects."""
    right = best == torch.tensor(list(wanted))[:, None]
    return Named(float(right[:, 0].float().mean()), float(right.any(1).float().mean()))


@torch.no_grad()
def style_of(judge: Judge, pictures: Tensor) -> list[str]:
    """The style that the judge sees in each picture."""
    device = next(judge.parameters()).device
    found = torch.cat([judge(part.to(device))[1].argmax(1) for part in pictures.split(BATCH)])
    return [list(STYLES)[index] for index in found.tolist()]


def ground(picture: Tensor) -> Tensor:
    """The colour around the edge of a picture (3, S, S), (3,): the median of its border."""
    width = max(int(picture.shape[-1] * BORDER), 1)
    edges = [picture[:, :width], picture[:, -width:]]
    sides = [picture[:, :, :width], picture[:, :, -width:]]
    return torch.cat([part.flatten(1) for part in edges + sides], dim=1).median(1).values


def background_of(picture: Tensor) -> str | None:
    """The named colour nearest to the edge of a picture; None is white."""
    colour = (ground(picture) + 1) / 2
    known = [torch.ones(3), *(torch.tensor(rgb) for _, rgb in COLOURS.values())]
    nearest = min(range(len(known)), key=lambda i: float((known[i] - colour).norm()))
    return None if nearest == 0 else list(COLOURS)[nearest - 1]


def thing_colour(picture: Tensor) -> Tensor:
    """The mean colour (3,) of what is not background."""
    inside = (picture - ground(picture)[:, None, None]).abs().amax(0) > NEAR
    if not bool(inside.any()):
        return ground(picture)
    return picture[:, inside].mean(1)


def tint_of(picture: Tensor, scene: Scene, icons: Icons) -> str | None:
    """Which tint of the scene's thing the picture is nearest to; None is its own colours."""
    tints = [None, *COLOURS]
    same = [Scene("single", scene.style, scene.items[:1], tint=tint) for tint in tints]
    known = [thing_colour(picture) for picture in render(icons, same).cpu()]
    colour = thing_colour(picture)
    return tints[min(range(len(tints)), key=lambda i: float((known[i] - colour).norm()))]


def cut(picture: Tensor, place: Place) -> Tensor:
    """The part of a picture (3, S, S) where a thing should be, (1, 3, s, s), made square."""
    side = picture.shape[-1]
    left, top, right, bottom = (round(edge * side) for edge in place.box)
    part = picture[:, top : max(bottom, top + 2), left : max(right, left + 2)]
    high, wide = part.shape[1:]
    longer = max(high, wide)
    square = ground(picture)[:, None, None].expand(3, longer, longer).clone()
    y, x = (longer - high) // 2, (longer - wide) // 2
    square[:, y : y + high, x : x + wide] = part
    return square[None]


def mistakes(picture: Tensor, scene: Scene, judge: Judge, icons: Icons) -> list[str]:
    """What of the scene the picture lacks; nothing if it is right.

    Each thing must be among the five best names of the place where it belongs.
    """
    slugs = list(icons.subjects)
    found: list[str] = []
    items = scene.items * scene.count if scene.kind == "count" else scene.items
    for slug, place in zip(items, places(scene, icons), strict=True):
        best = ranked(judge, cut(picture, place))[0].tolist()
        if slugs.index(slug) not in best:
            found.append(slug)
    if background_of(picture) != scene.background:
        found.append("background")
    if scene.tint is not None and tint_of(picture, scene, icons) != scene.tint:
        found.append("tint")
    if scene.style != DEFAULT_STYLE and style_of(judge, picture[None])[0] != scene.style:
        found.append("style")
    return found


def mean_psnr(rebuilt: Tensor, wanted: Tensor) -> float:
    """The mean over pictures, in dB."""
    return float(psnr(rebuilt, wanted).mean())
