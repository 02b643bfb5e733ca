"""The models of the library that enlarge pictures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from webui.core.catalogue import BUILTIN
from webui.core.errors import Message
from webui.core.events import UpscalerFile
from webui.core.model_files.recognition import Recognition
from webui.services.library.places import OWN_FOLDERS
from webui.services.library.walk import Candidate

HOME = OWN_FOLDERS["upscaler"]
PICKLE = "error.model_pickle"

KNOWN_AS: Mapping[str, str] = MappingProxyType(
    {
        "realesrgan_x4plus": "R-ESRGAN 4x+",
        "realesrgan_x4plus_anime_6b": "R-ESRGAN 4x+ Anime6B",
        "realesrgan_x2plus": "R-ESRGAN 2x+",
        "realesr-general-x4v3": "R-ESRGAN General 4xV3",
        "realesr-general-wdn-x4v3": "R-ESRGAN General WDN 4xV3",
        "realesr-animevideov3": "R-ESRGAN AnimeVideo",
        "esrgan_4x": "ESRGAN_4x",
        "esrgan": "ESRGAN_4x",
    }
)
"""Under which names stable-diffusion-webui lists files, which infotexts and clients write."""


@dataclass(frozen=True)
class UpscalerEntry:
    """A model that enlarges. `architecture` is "" and `scale` 0 where only loading tells.

    `at_home`: whether it lies in a folder of such models.
    """

    name: str
    path: Path
    architecture: str = ""
    scale: int = 0
    size: int = 0
    stamp: str = ""
    at_home: bool = False

    @property
    def file(self) -> UpscalerFile:
        """What a worker is told."""
        return UpscalerFile(self.name, str(self.path), self.stamp)


def upscaler_entry(
    candidate: Candidate, verdict: Recognition | Message, taken: Collection[str]
) -> UpscalerEntry | None:
    """The entry of a file that enlarges, or of one in the folder of those that may.

    There, pickles are as good as any, and so are files of architectures that nobody knows by
    their names: loading tells. `taken`: names that are used already.
    """
    if candidate.form != "file" or candidate.refusal is not None:
        return None
    at_home = candidate.purpose == HOME
    if isinstance(verdict, Message):
        known = at_home and verdict.key == PICKLE
    else:
        known = verdict.kind == "upscaler" or (at_home and verdict.kind == "unknown")
    if not known:
        return None
    shape = verdict.upscaler if isinstance(verdict, Recognition) else None
    name = candidate.name
    if name in taken or name in BUILTIN.upscalers:
        name = f"{candidate.base.name}/{name}{candidate.path.suffix}"
    return UpscalerEntry(
        name,
        candidate.path,
        shape.architecture if shape else "",
        shape.scale if shape else 0,
        candidate.size,
        candidate.stamp,
        at_home,
    )


def aliases_of(entries: Mapping[str, UpscalerEntry], *, latent: bool = True) -> dict[str, str]:
    """Other names that people write for an upscaler, in lower case; of latents too if `latent`."""
    builtin = BUILTIN.upscalers.values()
    found = {spec.name.casefold(): spec.name for spec in builtin if latent or not spec.latent}
    for name, entry in entries.items():
        stem = entry.path.stem
        for other in (name, entry.path.name, stem, KNOWN_AS.get(stem.casefold(), "")):
            if other:
                found.setdefault(other.casefold(), name)
    return found
