"""What Pillow raises on damaged files, of which it promises only the first."""

from __future__ import annotations

import struct
import zlib

from PIL import Image

UNREADABLE = (
    *(OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError),
    *(KeyError, IndexError, TypeError, AttributeError, OverflowError, struct.error, zlib.error),
    Image.DecompressionBombError,
)
