"""The model library: what lies in the folders of models, known without torch.

Checkpoints are single safetensors files and folders in diffusers' layout; VAEs are files, or the
folder of such a model's `vae` part. What a file is, its content says. Folders are looked at anew,
so new models appear without a restart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from webui.core.catalogue import AUTOMATIC, BUILTIN
from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles, UpscalerFile
from webui.core.validation import Names
from webui.services.embeddings import EmbeddingEntry, EmbeddingShelf
from webui.services.library.entries import LATENT_FACTOR, ModelEntry, VaeEntry
from webui.services.library.hashes import Hashes
from webui.services.library.places import embedding_folders
from webui.services.library.scan import Scanner
from webui.services.library.shelf import Shelf
from webui.services.library.upscalers import UpscalerEntry, aliases_of

__all__ = ["LATENT_FACTOR", "ModelEntry", "ModelLibrary", "VaeEntry"]

FRESH_SECONDS = 1.0
"""How long a server gives the same answer, unless somebody presses the refresh button."""

PATIENCE_SECONDS = 2.0
"""How long a page of a server waits for a first look at very many files."""


class ModelLibrary:
    """Checkpoints and VAEs by name. Safe to use from several threads."""

    def __init__(
        self,
        models_dir: Path,
        folders: Iterable[Path] = (),
        *,
        memory: Path | None = None,
        patience: float | None = None,
        fresh: float = 0.0,
    ) -> None:
        """`folders`: further ones, also whole trees of stable-diffusion-webui or ComfyUI.

        memory: the folder that keeps what is known of files between runs. patience, fresh: as for
        `Scanner`.
        """
        self.models_dir = models_dir
        realms = (models_dir, *folders)
        self._embeddings = EmbeddingShelf(lambda: embedding_folders(realms))
        self._hashes = Hashes(memory and memory / "hashes.json")
        self._scanner = Scanner(
            realms,
            memory and memory / "models.json",
            patience=patience,
            fresh=fresh,
        )

    def refresh(self) -> Shelf:
        """The library as it is in this moment."""
        return self._scanner.shelf(anew=True)

    def shelf(self) -> Shelf:
        """All that was found, files that cannot be used included."""
        return self._scanner.shelf()

    def entries(self) -> tuple[ModelEntry, ...]:
        """All checkpoints: those that users added by name, the starter model, then refiners."""
        return tuple(self._scanner.shelf().checkpoints.values())

    def names(self) -> tuple[str, ...]:
        """The checkpoints' names; the first is the one to begin with."""
        return tuple(self._scanner.shelf().checkpoints)

    def vaes(self) -> tuple[str, ...]:
        """The names of separate VAEs."""
        return tuple(self._scanner.shelf().vaes)

    def offered(self) -> Names:
        """The names that requests may use, and why others may not be used."""
        shelf = self._scanner.shelf()
        aliases = {
            "checkpoints": _aliases(shelf.checkpoints, self._hashes),
            "vaes": _aliases(shelf.vaes, self._hashes),
            "upscalers": aliases_of(shelf.upscalers),
            "picture_upscalers": aliases_of(shelf.upscalers, latent=False),
        }
        return Names(
            BUILTIN,
            tuple(shelf.checkpoints),
            tuple(shelf.vaes),
            aliases,
            shelf.refused,
            tuple(shelf.upscalers),
        )

    def upscalers(self) -> tuple[UpscalerEntry, ...]:
        """The models that enlarge pictures."""
        return tuple(self._scanner.shelf().upscalers.values())

    def upscaler_files(self, *names: str) -> dict[str, UpscalerFile]:
        """Where a worker finds those of the upscalers that are models, by name.

        Raises:
            ModelFileError: one is not there any more.
        """
        wanted = [name for name in dict.fromkeys(names) if name not in BUILTIN.upscalers]
        shelf = self._scanner.shelf()
        if any(name not in shelf.upscalers for name in wanted):
            shelf = self._scanner.shelf(whole=True, anew=True)
        for name in wanted:
            if name not in shelf.upscalers:
                raise _gone(shelf, name, "upscaler")
        return {name: shelf.upscalers[name].file for name in wanted}

    def entry(self, name: str, field: str = "checkpoint") -> ModelEntry:
        """The checkpoint of that name; `field` is the one that names it, for the message.

        Raises:
            ModelFileError: there is none, because it was removed or cannot be used any more.
        """
        shelf = self._scanner.shelf()
        if name not in shelf.checkpoints:
            shelf = self._scanner.shelf(whole=True, anew=True)
        if name in shelf.checkpoints:
            return shelf.checkpoints[name]
        raise _gone(shelf, name, field)

    def files(self, checkpoint: str, vae: str = AUTOMATIC, field: str = "checkpoint") -> ModelFiles:
        """Where a worker finds the parts; `field` is the one that names the checkpoint.

        "Automatic" takes the VAE named as the checkpoint with ".vae" behind it, which people put
        beside it, else the checkpoint's own.

        Raises:
            ModelFileError: the checkpoint or the VAE is not there any more.
        """
        entry = self.entry(checkpoint, field)
        self.hash_of(checkpoint)  # begun now, a large file's is known when the picture is done
        shelf = self._scanner.shelf()
        decoder = _preview_decoder(entry, shelf)
        if vae == AUTOMATIC:
            own = shelf.vaes.get(f"{checkpoint}.vae")
            beside = own if own and own.path.parent == entry.path.parent else None
            return _files(entry, beside, decoder)
        if vae not in shelf.vaes:
            shelf = self._scanner.shelf(whole=True, anew=True)
        if vae not in shelf.vaes:
            raise _gone(shelf, vae, "vae")
        return _files(entry, shelf.vaes[vae], decoder)

    def embeddings_folders(self) -> tuple[str, ...]:
        """Where textual-inversion files lie; the first folders have precedence."""
        return tuple(map(str, self._embeddings.folders()))

    def embeddings(self) -> tuple[EmbeddingEntry, ...]:
        """All textual-inversion files by the names that prompts use."""
        return self._embeddings.entries()

    def hash_of(self, name: str) -> str | None:
        """First ten hexadecimal digits of the SHA-256 of the file (in a folder, the UNet's).

        None while a large file is still being read in the background.
        """
        return self._hash(self._scanner.shelf().checkpoints.get(name))

    def vae_hash_of(self, name: str) -> str | None:
        """The same for a separate VAE."""
        return self._hash(self._scanner.shelf().vaes.get(name))

    def known_hash(self, entry: ModelEntry | VaeEntry) -> str | None:
        """The hash of a model if it was computed before; asks for none."""
        weights = entry.weights
        return self._hashes.known(weights) if weights else None

    def sha256_of(self, entry: ModelEntry | VaeEntry) -> str | None:
        """The whole SHA-256 of a model's weights if it is known, or soon found out."""
        weights = entry.weights
        return self._hashes.whole(weights) if weights else None

    def close(self) -> None:
        """Ends the background threads."""
        self._scanner.close()
        self._hashes.close()

    def _hash(self, entry: ModelEntry | VaeEntry | None) -> str | None:
        weights = entry.weights if entry else None
        return self._hashes.of(weights) if weights else None


def title_of(entry: ModelEntry | VaeEntry, digest: str | None) -> str:
    """How stable-diffusion-webui names a model: "folder/model.safetensors [0123456789]"."""
    suffix = entry.path.suffix if entry.kind == "file" else ""
    name = entry.name if entry.name.endswith(suffix) else entry.name + suffix
    return f"{name} [{digest}]" if digest else name


def _aliases(entries: Mapping[str, ModelEntry | VaeEntry], hashes: Hashes) -> dict[str, str]:
    """Other names that people write for a model, in lower case; of two the shorter path wins."""
    found: dict[str, str] = {}
    for name, entry in sorted(entries.items(), key=lambda row: (row[0].count("/"), len(row[0]))):
        stem = re.sub(r".*/", "", name)
        weights = entry.weights
        digest = hashes.known(weights) if weights else None
        others = [name, title_of(entry, None), entry.path.name, stem, digest or ""]
        for other in filter(None, others):
            found.setdefault(other.casefold(), name)
    return found


def _preview_decoder(entry: ModelEntry, shelf: Shelf) -> str | None:
    """The TAESD for this model's latents, of several the one that fits fewest other families.

    A file that does not say which it is for is one for SD1: those for SDXL have it in their name.
    """
    fitting = [
        item
        for item in shelf.items
        if item.kind == "taesd" and item.problem is None and entry.family in item.families
    ]
    if entry.family.startswith("sdxl"):
        fitting = [item for item in fitting if "sd1" not in item.families]
    best = min(fitting, key=lambda item: (len(item.families), item.name), default=None)
    return str(best.path) if best else None


def _files(entry: ModelEntry, vae: VaeEntry | None, decoder: str | None) -> ModelFiles:
    kind, basis = None, entry.prediction.basis if entry.prediction else "default"
    if entry.kind == "file" and entry.prediction and basis != "default":
        said = entry.prediction.type
        kind = said if said in ("epsilon", "v_prediction") else None
    return ModelFiles(
        entry.name,
        str(entry.path),
        str(vae.path) if vae else None,
        kind=entry.kind,
        family=entry.family,
        prediction_type=kind,
        basis=basis,
        vae_kind=vae.kind if vae else "folder",
        root=entry.root,
        stamp=f"{entry.stamp} {vae.stamp}" if vae else entry.stamp,
        preview=decoder,
    )


def _gone(shelf: Shelf, name: str, field: str) -> ModelFileError:
    why = shelf.refused.get(name)
    if why is not None:
        return ModelFileError(why.key, field=field, **dict(why.values))
    return ModelFileError("error.model_gone", field=field, name=name)
