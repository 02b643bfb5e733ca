"""What a download would bring, known before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class RemoteFile:
    """A file that is elsewhere.

    `path`: its place below the target's folder, "" if it is the target itself. `size`: in bytes.
    `sha256`: in hexadecimal digits, "" if nobody says.
    """

    url: str
    size: int
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Offer:
    """A model that can be fetched, as its header describes it.

    `target`: the file, or the folder in diffusers' layout, that it will become. `kind`, `families`
    and `variant`: as for a file that is here. `licence`: as the hub says, "" without.
    """

    what: str
    form: Literal["file", "folder"]
    files: tuple[RemoteFile, ...]
    target: Path
    kind: str
    families: tuple[str, ...] = ()
    variant: str = ""
    licence: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """The form that clients get."""
        return {
            "name": self.target.name,
            "folder": self.target.parent.name,
            "form": self.form,
            "kind": self.kind,
            "families": list(self.families),
            "variant": self.variant,
            "licence": self.licence,
            "size": self.size,
            "files": len(self.files),
            "checksum": all(file.sha256 for file in self.files if file.path.endswith(WEIGHTS))
            if self.form == "folder"
            else bool(self.files[0].sha256),
        }


WEIGHTS = ".safetensors"
