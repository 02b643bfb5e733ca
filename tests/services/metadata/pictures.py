"""Pictures as other programs write them."""

from __future__ import annotations

import gzip
import io
import struct
import zlib

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

WEBUI = (
    "1girl, (best:1.2)\nNegative prompt: lowres\nSteps: 28, Sampler: DPM++ 2M Karras, "
    "CFG scale: 7.5, Seed: 3026112233, Size: 512x768, Model hash: 6ce0161689, Model: v1-5, "
    "Clip skip: 2, Face restoration: GFPGAN, Version: v1.10.1"
)


def png(zipped: bool = False, size: tuple[int, int] = (8, 8), **texts: str) -> bytes:
    """A PNG with these texts; underscores in keys stand for hyphens."""
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key.replace("__", "-"), text, zip=zipped)
    return saved(Image.new("RGB", size), "PNG", pnginfo=info)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG with this chunk behind its header."""
    plain = png()
    return plain[:33] + chunk(kind, body) + plain[33:]


def with_comment(comment: bytes, kind: str = "JPEG") -> bytes:
    """A picture with this EXIF UserComment."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[37510] = comment
    return saved(Image.new("RGB", (8, 8)), kind, exif=exif.tobytes())


def stealth(text: str, channels: str, packed: bool, kind: str = "PNG") -> bytes:
    """A picture with a text in its lowest bits, written bit by bit as the format says."""
    body = gzip.compress(text.encode()) if packed else text.encode()
    name = "pngcomp" if packed else "pnginfo"
    if channels == "RGB":
        name = name.replace("png", "rgb")
    bits = "".join(
        f"{byte:08b}" for byte in f"stealth_{name}".encode() + struct.pack(">I", len(body) * 8)
    )
    bits += "".join(f"{byte:08b}" for byte in body)
    width, height = 80, 64
    pixels = np.full((height, width, 4), 254, np.uint8)
    used = [3] if channels == "A" else [0, 1, 2]
    places = [(y, x, c) for x in range(width) for y in range(height) for c in used]
    for place, bit in zip(places, bits, strict=False):
        pixels[place] |= int(bit)
    image = Image.fromarray(pixels if channels == "A" else pixels[:, :, :3].copy())
    return saved(image, kind, lossless=True)
