"""The model library: what lies in the models folder, known without torch.

A checkpoint is a folder in diffusers' layout (with `model_index.json`), directly in the models
folder or in `checkpoints/`; a VAE is such a folder's `vae` part alone, in `vae/`. Folders are
looked at anew each time, so new models appear without a restart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webui.core.catalogue import AUTOMATIC
from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles
from webui.core.request import PARAMETERS
from webui.services.embeddings import EmbeddingEntry, EmbeddingShelf

STARTER = "starter"
METADATA = "inkstone.json"
SMALL_FILE = 100 * 2**20
"""Files up to this size are hashed while the caller waits: it takes a tenth of a second."""

LATENT_FACTOR = 8


@dataclass(frozen=True)
class ModelEntry:
    """A checkpoint of the library.

    `native_size` is (width, height) in pixels; `defaults` are request fields that suit the
    model; `unet` and `vae` are the parts' configurations as far as they could be read.
    """

    name: str
    path: Path
    native_size: tuple[int, int]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    unet: Mapping[str, Any] = field(default_factory=dict)
    vae: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def tokenizer(self) -> Path:
        """The folder of its tokenizer."""
        return self.path / "tokenizer"


class ModelLibrary:
    """Checkpoints and VAEs by name. Safe to use from several threads."""

    def __init__(self, models_dir: Path) -> None:
        self.models_dir = models_dir
        self._embeddings = EmbeddingShelf(models_dir / "embeddings")
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="hash")
        self._hashes: dict[tuple[str, int, int], Future[str]] = {}

    def entries(self) -> tuple[ModelEntry, ...]:
        """All checkpoints: those that users added by name, then the starter model."""
        found: dict[str, Path] = {}
        for folder in (self.models_dir / "checkpoints", self.models_dir):
            for path in _folders(folder):
                if (path / "model_index.json").is_file():
                    found.setdefault(path.name, path)
        starter = found.pop(STARTER, None)
        paths = [found[name] for name in sorted(found, key=str.casefold)]
        return tuple(_entry(path) for path in [*paths, *([starter] if starter else [])])

    def names(self) -> tuple[str, ...]:
        """The checkpoints' names; the first is the one to begin with."""
        return tuple(entry.name for entry in self.entries())

    def vaes(self) -> tuple[str, ...]:
        """The names of separate VAEs."""
        return tuple(sorted(p.name for p in _folders(self.models_dir / "vae") if _is_vae(p)))

    def entry(self, name: str, field: str = "checkpoint") -> ModelEntry:
        """The checkpoint of that name; `field` is the one that names it, for the message.

        Raises:
            ModelFileError: there is none; it was removed since it was chosen.
        """
        for entry in self.entries():
            if entry.name == name:
                return entry
        raise ModelFileError("error.model_gone", field=field, name=name)

    def files(self, checkpoint: str, vae: str = AUTOMATIC, field: str = "checkpoint") -> ModelFiles:
        """Where a worker finds the parts; `field` is the one that names the checkpoint.

        Raises:
            ModelFileError: the checkpoint or the VAE is not there any more.
        """
        entry = self.entry(checkpoint, field)
        if vae == AUTOMATIC:
            return ModelFiles(entry.name, str(entry.path))
        if vae not in self.vaes():
            raise ModelFileError("error.model_gone", field="vae", name=vae)
        return ModelFiles(entry.name, str(entry.path), str(self.models_dir / "vae" / vae))

    def embeddings_folder(self) -> str:
        """Where textual-inversion files lie; it need not exist."""
        return str(self._embeddings.folder)

    def embeddings(self) -> tuple[EmbeddingEntry, ...]:
        """All textual-inversion files by the names that prompts use."""
        return self._embeddings.entries()

    def hash_of(self, name: str) -> str | None:
        """First ten hexadecimal digits of the SHA-256 of the weights (the UNet's file).

        None while a large file is still being read in the background.
        """
        folder = next((e.path for e in self.entries() if e.name == name), None)
        weights = _weights(folder / "unet") if folder else None
        return self._hash(weights) if weights else None

    def vae_hash_of(self, name: str) -> str | None:
        """The same for a separate VAE."""
        weights = _weights(self.models_dir / "vae" / name) if name in self.vaes() else None
        return self._hash(weights) if weights else None

    def close(self) -> None:
        """Ends the background thread."""
        self._hashing.shutdown(wait=False, cancel_futures=True)

    def _hash(self, path: Path) -> str | None:
        try:
            status = path.stat()
        except OSError:
            return None
        key = (str(path), status.st_size, status.st_mtime_ns)
        future = self._hashes.get(key)
        if future is None:
            future = self._hashes[key] = self._hashing.submit(_sha256, path)
        if status.st_size <= SMALL_FILE or future.done():
            return future.result() or None
        return None


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def _is_vae(folder: Path) -> bool:
    return (folder / "config.json").is_file() and _weights(folder) is not None


def _weights(folder: Path) -> Path | None:
    found = sorted(folder.glob("*.safetensors"))
    return found[0] if found else None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()[:10]


def _entry(path: Path) -> ModelEntry:
    """Reads a checkpoint's small files. Damaged ones give defaults; loading says what is wrong."""
    unet, vae = _json(path / "unet" / "config.json"), _json(path / "vae" / "config.json")
    sample_size = unet.get("sample_size")
    native = sample_size * LATENT_FACTOR if isinstance(sample_size, int) else 512
    metadata = _json(path / METADATA)
    known = _table(metadata, "defaults")
    defaults = {key: value for key, value in known.items() if key in PARAMETERS}
    size = (int(defaults.get("width", native)), int(defaults.get("height", native)))
    about = {key: text for key, text in _table(metadata, "about").items() if isinstance(text, str)}
    examples = {
        key: tuple(text for text in texts if isinstance(text, str))
        for key, texts in _table(metadata, "examples").items()
        if isinstance(texts, list)
    }
    return ModelEntry(path.name, path, size, defaults, unet, vae, about, examples)


def _table(metadata: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = metadata.get(name)
    return part if isinstance(part, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
