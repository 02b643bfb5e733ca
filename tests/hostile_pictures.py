"""Picture files as strangers send them: bombs, broken ones, and other things under their names."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, NamedTuple

from PIL import Image, ImageCms


class Hostile(NamedTuple):
    """A file, and the status and key of the answer to it."""

    name: str
    data: bytes
    status: int
    key: str


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(
    size: tuple[int, int], depth: int, colour: int, pixels: bytes, *more: bytes
) -> bytes:  # fmt: skip
    """A PNG from rows with their filter bytes; the chunks `more` lie before the pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(pixels, 9))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + data + chunk(b"IEND", b"")


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(size: tuple[int, int] = (24, 16)) -> Image.Image:
    """No two pixels alike, so that turns and swaps show."""
    image = Image.new("RGB", size)
    for y in range(size[1]):
        for x in range(size[0]):
            image.putpixel((x, y), (x * 9 % 256, y * 15 % 256, 40))
    return image


def animated(kind: str, frames: int = 5) -> bytes:
    """Of plain frames, the first of which is red."""
    colours = [(255, 0, 0), *((0, 20 * n % 256, 255) for n in range(1, frames))]
    pictures = [Image.new("RGB", (16, 16), colour) for colour in colours]
    options = {"lossless": True} if kind == "WEBP" else {}
    return saved(pictures[0], kind, save_all=True, append_images=pictures[1:], **options)


def bit_bomb(side: int) -> bytes:
    """A few kilobytes that declare side x side pixels of one bit, and have them all."""
    return raw_png((side, side), 1, 0, bytes(side * (1 + -(-side // 8))))


def text_bomb() -> bytes:
    """64 MB of text in 64 kB, once in each kind of compressed chunk, and as a colour profile."""
    packed = zlib.compress(bytes(64 * 2**20), 9)
    return raw_png(
        (2, 1), 8, 2, b"\0\1\2\3\4\5\6",
        chunk(b"zTXt", b"parameters\0\0" + packed),
        chunk(b"iTXt", b"parameters\0\1\0\0\0" + packed),
        chunk(b"iCCP", b"profile\0\0" + packed),
        *[chunk(b"tEXt", b"k\0" + b"x" * 50)] * 2000,
    )  # fmt: skip


def swapped_profile() -> bytes:
    """A sound profile in which red and blue have changed places."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = data.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    return data.replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be"))


def webp_canvas(width: int, height: int) -> bytes:
    body = struct.pack("<I", 0x02) + (width - 1).to_bytes(3, "little")
    body += (height - 1).to_bytes(3, "little")
    inner = b"WEBPVP8X" + struct.pack("<I", 10) + body
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def jpeg_of_size(width: int, height: int) -> bytes:
    data = saved(gradient(), "JPEG")
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def hostile() -> list[Hostile]:
    """What must be refused, by what the refusal says."""
    svg = b"\xef\xbb\xbf <?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>"
    page = b"<!DOCTYPE html><script>alert(1)</script>"
    gif = animated("GIF")
    bmp = bytearray(saved(gradient(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 100_000, 100_000)
    whole = {kind: saved(gradient(), kind) for kind in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF")}
    cut = [
        Hostile(f"cut.{kind.lower()}", data[: len(data) * 2 // 3], 422, "error.input_damaged")
        for kind, data in whole.items()
    ]
    return [
        Hostile("bomb.png", bit_bomb(19_000), 413, "error.input_side"),
        Hostile("wide.png", bit_bomb(9_000), 413, "error.input_pixels"),
        Hostile("canvas.webp", webp_canvas(16_383, 16_383), 413, "error.input_pixels"),
        Hostile("large.jpg", jpeg_of_size(65_000, 65_000), 413, "error.input_side"),
        Hostile("large.bmp", bytes(bmp), 413, "error.input_side"),
        Hostile("large.gif", gif[:6] + b"\xff\xff\xff\xff" + gif[10:], 413, "error.input_side"),
        *cut,
        Hostile("cut.gif", gif[:60], 422, "error.input_damaged"),
        Hostile("end.png", whole["PNG"][:-12], 422, "error.input_damaged"),
        Hostile("head.png", whole["PNG"][:10], 422, "error.input_damaged"),
        Hostile("svg.png", svg, 415, "error.input_kind"),
        Hostile("html.png", page, 415, "error.input_kind"),
        Hostile("pdf.png", b"%PDF-1.7 ...", 415, "error.input_kind"),
        Hostile("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 415, "error.input_kind"),
        Hostile("words.png", b"BM, a text that begins like a BMP", 415, "error.input_unknown"),
        Hostile("nothing.png", b"", 415, "error.input_empty"),
    ]
