"""The models in a worker's memory: the one of the last job, and a few more."""

from __future__ import annotations

import gc
import logging
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles
from webui.core.memory_levels import MemoryLevel
from webui.core.passes import further_models
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_model
from webui.engine.device import Device, free_memory, release_memory
from webui.engine.embeddings import Embeddings
from webui.engine.faults import is_out_of_memory
from webui.engine.memory import HOME, Memory
from webui.engine.preview import Preview, fit_preview
from webui.engine.single_file.reading import Progress
from webui.engine.taesd import load_taesd
from webui.engine.text_encoder import PromptEncoder
from webui.engine.upscaling.upscaler import Upscalers

log = logging.getLogger(__name__)

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
        self._previews: dict[str | None, Preview] = {}

    def preview(self, decoder: str | None = None) -> Preview:
        """What makes previews: the TAESD in the file `decoder`, or a map fitted to the VAE.

        Made when the first preview is due, so that loading does not wait for it.
        """
        if decoder not in self._previews:
            self._previews = {decoder: self._make_preview(decoder)}
        return self._previews[decoder]

    def _make_preview(self, decoder: str | None) -> Preview:
        if decoder is not None:
            try:
                return load_taesd(Path(decoder), self.bundle)
            except ModelFileError as error:
                log.warning("previews are coarse: %s", error)
        return fit_preview(self.bundle)


class Models:
    """The models used last, at most `KEPT`. One that cannot be loaded displaces none.

    `embeddings` are those that prompts of all of them may name. `upscalers` go when room is made.
    """

    def __init__(self, device: Device, level: MemoryLevel = "auto") -> None:
        self.embeddings = Embeddings()
        self.memory = Memory(device, level)
        self.upscalers = Upscalers(self.memory)
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
        self.memory.begin(sum(size_in_memory(one, self._device) for one in {files, *needed}))
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
        self.upscalers.forget()  # read again in a moment
        gc.collect()
        release_memory(self._device)

    def _make_room_for(self, files: ModelFiles, needed: Collection[ModelFiles]) -> None:
        """Forgets what is not needed if a model is to be read that would hardly fit beside it.

        Where the processor draws, memory that runs out ends the process instead of the reading.
        """
        spare = any(held not in needed for held in self._held)
        if self.memory.offload:
            return
        if spare and size_in_memory(files, self._device) > free_memory(self._device)[0]:
            self.keep_only(needed)

    def _read(
        self, files: ModelFiles, needed: Collection[ModelFiles], progress: Progress | None
    ) -> ModelBundle:
        def read() -> ModelBundle:
            place = HOME if self.memory.offload else None
            device = replace(self._device, reads_into=place)
            return load_model(files, device, progress=progress, memory=self.memory)

        try:
            return read()
        except (RuntimeError, MemoryError) as fault:
            spare = any(held not in needed for held in self._held)
            if not is_out_of_memory(fault) or not (spare or self.memory.can_offload):
                raise
        self.keep_only(needed)
        return self.memory.persist(read)


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
