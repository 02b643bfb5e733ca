"""The process that decodes: made for a few files, held to bounds by the system, and then gone.

It reads one line of JSON from its standard input and writes one line for each file. Decoders are
large, old and written in C: here they can neither reach the server's memory nor keep it waiting.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

from webui.core.errors import InkstoneError
from webui.services.inputs.decoding import read_picture
from webui.services.inputs.limits import InputLimits

if sys.platform != "win32":
    import resource

MEMORY = 3 * 2**30
"""Bytes of address space: several copies of the largest picture, and the libraries."""

SECONDS = 60
"""Of computing that one file may take; the largest that is allowed takes about 10."""

NICENESS = 5
ROWS = 256


def main() -> None:
    """Takes the files in, one after the other."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    _hold_back(SECONDS * len(order["files"]))
    limits = InputLimits(**order["limits"])
    Image.MAX_IMAGE_PIXELS = None  # ours say what the size is and what is allowed
    for source, target in order["files"]:
        sys.stdout.write(json.dumps(take(Path(source), Path(target), limits), default=str) + "\n")
        sys.stdout.flush()


def take(source: Path, target: Path, limits: InputLimits) -> dict[str, Any]:
    """Writes the picture as a plain PNG and says what it is, or what is wrong with it."""
    try:
        image = read_picture(source, limits)
        digest = content_id(image)
        _write(image, target)
    except InkstoneError as error:
        return {"error": type(error).__name__, "message": error.message.to_json()}
    except MemoryError:
        return {"heavy": True}
    except OSError as error:
        return {"system": error.errno or 0, "reason": error.strerror or str(error)}
    width, height = image.size
    return {"id": digest, "width": width, "height": height, "alpha": image.mode == "RGBA"}


def content_id(image: Image.Image) -> str:
    """The picture's name: 64 hexadecimal digits that follow from its mode, size and pixels."""
    width, height = image.size
    digest = hashlib.sha256(f"{image.mode} {width}x{height}\n".encode())
    for top in range(0, height, ROWS):
        digest.update(image.crop((0, top, width, min(top + ROWS, height))).tobytes())
    return digest.hexdigest()


def _write(image: Image.Image, target: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
        # Runs alone are sought: of zlib's ways the fastest that still makes masks small.
        image.save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
        file.flush()
        os.fsync(file.fileno())


def _hold_back(seconds: int) -> None:
    """Lets the system end this process when it takes too much, and others go first."""
    if sys.platform != "win32":
        os.nice(NICENESS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
