"""The models in a worker's memory: the one of the last job, and a few more."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path

import torch

from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles
from webui.core.passes import further_models
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_model
from webui.engine.device import Device, free_memory, release_memory
from webui.engine.embeddings import Embeddings
from webui.engine.faults import is_out_of_memory
from webui.engine.preview import PreviewMap, fit_preview
from webui.engine.single_file.reading import Progress
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

    def load(
        self,
        files: ModelFiles,
        needed: Collection[ModelFiles] = (),
        progress: Progress | None = None,
    ) -> Model:
        """The model of these files. `needed`: those that must stay in memory beside it.

        `progress` is told bytes read and bytes in all; it may raise to give up.

        Raises:
            ModelFileError: naming the file and what is wrong with it.
        """
        if files not in self._held:
            self._make_room_for(files, needed)
            bundle = self._read(files, needed, progress)
            self._held[files] = Model(files, bundle, self.embeddings)
        self._held.move_to_end(files)
        if len(self._held) > KEPT:
            self.keep_only([*self._held][-KEPT:])
        return self._held[files]

    def make_room(self, needed: Collection[ModelFiles]) -> None:
        """Forgets what the job to come does not need, where memory is short."""
        free, total = free_memory(self._device)
        if any(files not in needed for files in self._held) and free < ROOM * total:
            self.keep_only(needed)

    def keep_only(self, needed: Collection[ModelFiles]) -> None:
        """Forgets all other models and gives their memory back."""
        for files in [files for files in self._held if files not in needed]:
            del self._held[files]
        gc.collect()
        release_memory(self._device)

    def _make_room_for(self, files: ModelFiles, needed: Collection[ModelFiles]) -> None:
        """Forgets what is not needed if a model is to be read that would hardly fit beside it.

        Where the processor draws, memory that runs out ends the process instead of the reading.
        """
        spare = any(held not in needed for held in self._held)
        if spare and size_in_memory(files, self._device) > free_memory(self._device)[0]:
            self.keep_only(needed)

    def _read(
        self, files: ModelFiles, needed: Collection[ModelFiles], progress: Progress | None
    ) -> ModelBundle:
        try:
            return load_model(files, self._device, progress=progress)
        except (RuntimeError, MemoryError) as fault:
            if not is_out_of_memory(fault) or all(held in needed for held in self._held):
                raise
        self.keep_only(needed)
        return load_model(files, self._device, progress=progress)


def size_in_memory(files: ModelFiles, device: Device) -> int:
    """About how many bytes a model takes: those of its files, taken for half precision.

    A file that is not there counts as none: reading it says what is wrong.
    """
    path = Path(files.path)
    found = [path] if files.kind == "file" else [*path.glob("*/*.safetensors")]
    stored = sum(file.stat().st_size for file in found if file.is_file())
    return stored * device.dtype.itemsize // torch.float16.itemsize


def load_all(
    models: Models,
    request: GenerationRequest,
    files: ModelFiles,
    others: Mapping[str, ModelFiles],
    progress: Progress | None = None,
) -> tuple[Model, dict[str, Model]]:
    """The request's own model, and the further ones by name.

    Raises:
        ModelFileError: with the field that names the model.
    """
    needed = [files, *others.values()]
    own = models.load(files, needed, progress)
    found: dict[str, Model] = {}
    for field, name in further_models(request).items():
        try:
            found[name] = models.load(others[name], needed, progress)
        except ModelFileError as error:
            raise ModelFileError(error.message.key, field=field, **error.message.values) from error
    models.make_room(needed)
    return own, found
