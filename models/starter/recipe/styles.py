"""The styles and colours that captions name, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Style:
    """Words for a style. `named` is how often a caption says them; `share` its part of scenes."""

    en: tuple[str, ...]
    zh: tuple[str, ...]
    named: float
    share: float


DEFAULT_STYLE = "3d"
"""What captions mean that name no style, so that a bare name is a whole prompt."""

STYLES: Mapping[str, Style] = {
    "3d": Style(("3d", "3d render", "glossy 3d"), ("3D", "立体", "3D渲染"), 0.25, 0.4),
    "flat": Style(("flat", "flat icon", "flat design"), ("扁平", "扁平图标"), 1.0, 0.15),
    "cartoon": Style(("cartoon", "cartoon drawing"), ("卡通", "卡通画"), 1.0, 0.2),
    "line": Style(("line art", "black and white"), ("线稿", "黑白简笔画"), 1.0, 0.1),
    "pixel": Style(("pixel art", "8-bit pixel"), ("像素", "像素画"), 1.0, 0.15),
}

COLOURS: Mapping[str, tuple[str, RGB]] = {
    "red": ("红色", (0.87, 0.16, 0.18)),
    "orange": ("橙色", (0.98, 0.55, 0.13)),
    "yellow": ("黄色", (0.99, 0.86, 0.25)),
    "green": ("绿色", (0.24, 0.68, 0.33)),
    "blue": ("蓝色", (0.18, 0.42, 0.87)),
    "purple": ("紫色", (0.54, 0.27, 0.78)),
    "pink": ("粉色", (0.98, 0.62, 0.76)),
    "brown": ("棕色", (0.52, 0.34, 0.21)),
    "black": ("黑色", (0.07, 0.07, 0.08)),
    "gray": ("灰色", (0.55, 0.56, 0.58)),
}
"""Colour word -> (Chinese word, sRGB)."""

COUNTS: Mapping[int, tuple[str, str]] = {2: ("two", "两"), 3: ("three", "三"), 4: ("four", "四")}
