"""Small versions of pictures, made when first asked for; their folder may be deleted."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from PIL import Image

from webui.services.files import write_whole

LONGEST_SIDE = 320
QUALITY = 80


class Thumbnails:
    """A cache of WebP thumbnails in a folder, by the picture's id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def cached(self, picture_id: str) -> bytes | None:
        """The thumbnail if it was made before."""
        try:
            return self._path(picture_id).read_bytes()
        except OSError:
            return None

    def make(self, picture_id: str, data: bytes) -> bytes:
        """Makes the thumbnail, and keeps it where the disk allows.

        Raises:
            OSError: `data` is no readable picture.
        """
        with Image.open(io.BytesIO(data)) as image:
            small = image.convert("RGB")
        small.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        small.save(buffer, "WEBP", quality=QUALITY)
        thumbnail = buffer.getvalue()
        path = self._path(picture_id)
        with contextlib.suppress(OSError):  # a full disk costs the cache, not the view
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, thumbnail, durable=False)
        return thumbnail

    def _path(self, picture_id: str) -> Path:
        return self._folder / picture_id[:2] / f"{picture_id}.webp"
