"""What a picture file says about how it was made, whichever program made it."""

from __future__ import annotations

from webui.services.metadata.picture import (
    PictureMetadata,
    Source,
    read_metadata,
    read_text,
)

__all__ = ["PictureMetadata", "Source", "read_metadata", "read_text"]
