"""The icons as pictures: SVG to WebP in one zip file, and back as tensors.

The zip (`data.zip`) is all that training needs, so a machine without a network or a renderer
can train. It holds subjects.json, ATTRIBUTION.md and icons/STYLE/SLUG.webp.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from recipe.sources import attribution
from recipe.subjects import Subject

PIXEL_GRID = 32
"""How many pixels across a picture of style pixel has."""

OPAQUE = 24
"""Alpha (of 255) from which a pixel counts as part of the thing."""

Rasterise = Callable[[str, int], Image.Image]


def svg_of(icon_set: Mapping[str, Any], name: str) -> str | None:
    """A whole SVG document of an icon of an iconify set, following one alias; None if unknown."""
    alias = icon_set.get("aliases", {}).get(name, {})
    icon = icon_set["icons"].get(alias.get("parent", name))
    if icon is None:
        return None
    width = icon.get("width", icon_set.get("width", 16))
    height = icon.get("height", icon_set.get("height", 16))
    left, top = icon.get("left", 0), icon.get("top", 0)
    body = icon["body"].replace("currentColor", "#111111")
    box = f"{left} {top} {width} {height}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{body}</svg>'


def rasterise_with_resvg(svg: str, size: int) -> Image.Image:
    """An RGBA picture of `size` pixels.

    Raises:
        ModuleNotFoundError: without the packages of requirements.txt.
    """
    import resvg_py  # only this step needs it

    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def write_pack(
    path: Path,
    subjects: Sequence[Subject],
    icon_sets: Mapping[str, Mapping[str, Any]],
    *,
    size: int,
    quality: int = 85,
    rasterise: Rasterise = rasterise_with_resvg,
    on_icon: Callable[[str], None] = lambda _: None,
) -> int:
    """Renders every subject in every set that has it; returns the number of pictures."""
    aside = path.with_suffix(".part")
    aside.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as pack:
        rows = json.dumps([asdict(subject) for subject in subjects], ensure_ascii=False)
        pack.writestr("subjects.json", rows)
        pack.writestr("ATTRIBUTION.md", attribution())
        for style, icon_set in icon_sets.items():
            for subject in subjects:
                svg = svg_of(icon_set, subject.slug)
                if svg is None:
                    continue
                kept = io.BytesIO()
                rasterise(svg, size).save(kept, "WEBP", quality=quality, method=4)
                pack.writestr(f"icons/{style}/{subject.slug}.webp", kept.getvalue())
                count += 1
                on_icon(subject.slug)
    aside.replace(path)
    return count


@dataclass(frozen=True, eq=False)
class Icons:
    """All pictures on one device.

    pixels: (N, 4, S, S) uint8, straight alpha. boxes: (N, 4) float, the opaque part's left, top,
    right and bottom as shares of the side. `rows`: the row of (slug, style).
    """

    subjects: Mapping[str, Subject]
    pixels: Tensor
    boxes: Tensor
    rows: Mapping[tuple[str, str], int]

    @property
    def size(self) -> int:
        """Pixels across."""
        return self.pixels.shape[-1]

    def styles_of(self, slug: str) -> list[str]:
        """The styles that a subject has."""
        return [style for (name, style) in self.rows if name == slug]

    def shrunk(self, size: int) -> Icons:
        """The same pictures at a smaller size that divides theirs."""
        share = self.size // size
        smaller = torch.cat([_pooled(part.float(), share) for part in self.pixels.split(256)])
        return Icons(self.subjects, smaller, self.boxes, self.rows)

    def to(self, device: torch.device) -> Icons:
        """The same pictures on another device; the boxes stay on the CPU."""
        return Icons(self.subjects, self.pixels.to(device), self.boxes, self.rows)


def read_pack(
    path: Path, size: int, *, styles: Iterable[str], slugs: Iterable[str] | None = None
) -> Icons:
    """Reads the pictures of the styles ("pixel" is made here) at `size` pixels.

    `slugs` None reads every subject. A subject without any of the styles is left out.
    """
    wanted, chosen = list(styles), None if slugs is None else set(slugs)
    pixels: list[Tensor] = []
    rows: dict[tuple[str, str], int] = {}
    with zipfile.ZipFile(path) as pack:
        listed = [Subject.from_json(row) for row in json.loads(pack.read("subjects.json"))]
        names = set(pack.namelist())
        subjects = {s.slug: s for s in listed if chosen is None or s.slug in chosen}
        for slug in subjects:
            for style in wanted:
                stored = "flat" if style == "pixel" else style
                name = f"icons/{stored}/{slug}.webp"
                if name not in names:
                    continue
                picture = _decode(pack.read(name), size)
                rows[slug, style] = len(pixels)
                pixels.append(pixelated(picture) if style == "pixel" else picture)
    drawn = {slug for slug, _ in rows}
    stack = torch.stack(pixels)
    kept = {slug: subject for slug, subject in subjects.items() if slug in drawn}
    return Icons(kept, stack, torch.stack([_box(picture) for picture in stack]), rows)


def _pooled(pictures: Tensor, share: int) -> Tensor:
    """Averages of squares of pixels, each as strong as it is opaque. (B, 4, S, S) float."""
    alpha = functional.avg_pool2d(pictures[:, 3:], share)
    colour = functional.avg_pool2d(pictures[:, :3] * pictures[:, 3:], share)
    colour = colour / alpha.clamp(min=1e-3)
    return torch.cat([colour, alpha], dim=1).round().clamp(0, 255).to(torch.uint8)


def _decode(data: bytes, size: int) -> Tensor:
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    if image.width != size:
        image = image.resize((size, size), Image.Resampling.BOX)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def pixelated(picture: Tensor) -> Tensor:
    """(4, S, S) uint8 on a coarse grid, with hard edges and few colours."""
    size = picture.shape[-1]
    values = picture.float() / 255
    alpha = values[3:]
    small = functional.interpolate(
        torch.cat([values[:3] * alpha, alpha])[None], (PIXEL_GRID, PIXEL_GRID), mode="area"
    )
    colour = small[:, :3] / small[:, 3:].clamp(min=1e-3)
    few = (colour.clamp(0, 1) * 7).round() / 7
    coarse = torch.cat([few, (small[:, 3:] > 0.5).float()], dim=1)
    return (
        (functional.interpolate(coarse, (size, size), mode="nearest")[0] * 255)
        .round()
        .to(torch.uint8)
    )


def _box(picture: Tensor) -> Tensor:
    opaque = picture[3] > OPAQUE
    size = picture.shape[-1]
    rows, columns = opaque.any(dim=1).nonzero(), opaque.any(dim=0).nonzero()
    if len(rows) == 0:
        return torch.tensor([0.0, 0.0, 1.0, 1.0])
    edges = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    return torch.tensor([float(edge) / size for edge in edges])
