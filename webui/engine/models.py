"""The models in a worker's memory: the one of the last job, and a few more."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path

from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles
from webui.core.passes import further_models
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.device import Device, free_share, release_memory
from webui.engine.embeddings import Embeddings
from webui.engine.faults import is_out_of_memory
from webui.engine.preview import PreviewMap, fit_preview
from webui.engine.text_encoder import PromptEncoder

KEPT = 3
"""As many as one job can name: checkpoint, hires checkpoint, refiner."""


ROOM = 0.5
"""The share of the device's memory below which models that a job does not need make way."""


class Model:
    """A loaded bundle with what is derived from it."""

    def __init__(self, files: ModelFiles, bundle: ModelBundle, embeddings: Embeddings) -> None:
        self.files = files
        self.bundle = bundle
        self.encoder = PromptEncoder(bundle, embeddings)

    @cached_property
    def preview(self) -> PreviewMap:
        """Fitted when the first preview is due, so that loading does not wait for it."""
        return fit_preview(self.bundle)


class Models:
    """The models used last, at most `KEPT`. One that cannot be loaded displaces none.

    `embeddings` are those that prompts of all of them may name.
    """

    def __init__(self, device: Device) -> None:
        self.embeddings = Embeddings()
        self._device = device
        self._held: OrderedDict[ModelFiles, Model] = OrderedDict()

    def __contains__(self, files: ModelFiles) -> bool:
        """Whether the model of these files is in memory."""
        return files in self._held

    def load(self, files: ModelFiles, needed: Collection[ModelFiles] = ()) -> Model:
        """The model of these files. `needed`: those that must stay in memory beside it.

        Raises:
            ModelFileError: naming the file and what is wrong with it.
        """
        if files not in self._held:
            self._held[files] = Model(files, self._read(files, needed), self.embeddings)
        self._held.move_to_end(files)
        while len(self._held) > KEPT:
            self._held.popitem(last=False)
        return self._held[files]

    def make_room(self, needed: Collection[ModelFiles]) -> None:
        """Forgets what the job to come does not need, where memory is short."""
        if any(files not in needed for files in self._held) and free_share(self._device) < ROOM:
            self.keep_only(needed)

    def keep_only(self, needed: Collection[ModelFiles]) -> None:
        """Forgets all other models and gives their memory back."""
        for files in [files for files in self._held if files not in needed]:
            del self._held[files]
        gc.collect()
        release_memory(self._device)

    def _read(self, files: ModelFiles, needed: Collection[ModelFiles]) -> ModelBundle:
        try:
            return _bundle(files, self._device)
        except (RuntimeError, MemoryError) as fault:
            if not is_out_of_memory(fault) or all(held in needed for held in self._held):
                raise
        self.keep_only(needed)
        return _bundle(files, self._device)


def _bundle(files: ModelFiles, device: Device) -> ModelBundle:
    vae_path = None if files.vae_path is None else Path(files.vae_path)
    return load_bundle(Path(files.path), device, name=files.checkpoint, vae_path=vae_path)


def load_all(
    models: Models, request: GenerationRequest, files: ModelFiles, others: Mapping[str, ModelFiles]
) -> tuple[Model, dict[str, Model]]:
    """The request's own model, and the further ones by name.

    Raises:
        ModelFileError: with the field that names the model.
    """
    needed = [files, *others.values()]
    own = models.load(files, needed)
    found: dict[str, Model] = {}
    for field, name in further_models(request).items():
        try:
            found[name] = models.load(others[name], needed)
        except ModelFileError as error:
            raise ModelFileError(error.message.key, field=field, **error.message.values) from error
    models.make_room(needed)
    return own, found
