"""What a worker tells the server about a job, and what the server asks of a worker.

All are frozen values of plain data, so they can travel through a pipe, to another machine, or
as JSON to a browser. Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from webui.core.enlarging import Enlarging
from webui.core.errors import Message
from webui.core.model_files.recognition import Basis
from webui.core.request import GenerationRequest

Phase = Literal["load", "encode", "denoise", "upscale", "hires", "decode", "save"]
"""What a worker does. "denoise" is the first pass, "hires" the second, on the enlarged picture."""


@dataclass(frozen=True)
class WorkerReady:
    """The worker has a device and waits for jobs. Memory is in bytes."""

    device: str
    dtype: str
    memory_total: int
    torch_version: str


@dataclass(frozen=True)
class ModelLoaded:
    """A checkpoint is in the worker's memory."""

    checkpoint: str
    seconds: float


@dataclass(frozen=True)
class JobEvent:
    """Base of everything that is said about one job."""

    job_id: str


@dataclass(frozen=True)
class PhaseStarted(JobEvent):
    """The job entered a phase, for the batch that begins with picture `index`."""

    phase: Phase
    index: int = 0


@dataclass(frozen=True)
class LoadStep(JobEvent):
    """Of a checkpoint that the job needs, `done` of `total` bytes are read."""

    done: int
    total: int


@dataclass(frozen=True)
class TileDone(JobEvent):
    """A model that enlarges is through with `done` of `total` tiles of a picture."""

    done: int
    total: int


@dataclass(frozen=True)
class TilesBegun(JobEvent):
    """Of picture `index` the tiles `first` to `last` of `total` are drawn now, counted from 1.

    The steps that follow are theirs.
    """

    index: int
    first: int
    last: int
    total: int


@dataclass(frozen=True)
class StepDone(JobEvent):
    """Step `step` of `steps` of the batch with these picture indices is done.

    `preview`: a small JPEG of the batch's first picture, or None when none is due.
    """

    indices: tuple[int, ...]
    step: int
    steps: int
    preview: bytes | None = None


@dataclass(frozen=True)
class PictureDone(JobEvent):
    """Picture `index` is finished: `rgb` holds height * width * 3 bytes, row by row.

    `extra`: entries of the infotext that only the engine knows, such as "TI hashes". `alpha`:
    height * width bytes of a picture that is not opaque everywhere.
    """

    index: int
    seed: int
    width: int
    height: int
    rgb: bytes = field(repr=False)
    extra: Mapping[str, str] = field(default_factory=dict)
    alpha: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Remark(JobEvent):
    """Something that the person should know although the job goes on."""

    message: Message


@dataclass(frozen=True)
class PicturesSkipped(JobEvent):
    """The person skipped these pictures; they will not be made."""

    indices: tuple[int, ...]


@dataclass(frozen=True)
class JobFinished(JobEvent):
    """The worker is through with the job. `error` says why it failed, if it did."""

    outcome: Literal["done", "cancelled", "failed"]
    error: Message | None = None


WorkerEvent = WorkerReady | ModelLoaded | JobEvent


FilesKind = Literal["folder", "file"]
"""A folder in diffusers' layout, or a single safetensors file."""


@dataclass(frozen=True)
class ModelFiles:
    """Where the parts of a checkpoint lie, and what is known of them before a weight is read.

    `vae_path`: None takes the VAE from the checkpoint itself; `vae_kind` says what lies there: a
    folder (of a VAE alone or of a whole model) or a file. `family`: of
    `webui.core.model_files.recognition.SUPPORTED_FAMILIES`; "" where a folder's configurations
    tell it. `prediction_type`: None where only the weights tell, or where nobody needs to be told
    (folders); `basis` is how it is known. `ema`: take the moving average instead of the last
    weights, where a file has both. `root`: the folder that links within a model may lead to, None
    for its own. `stamp` changes when one of the files does, so that a model which was replaced on
    the disk is another one to the worker. `preview`: a TAESD for the model's latents, which makes
    previews and is no part of the model.
    """

    checkpoint: str
    path: str
    vae_path: str | None = None
    kind: FilesKind = "folder"
    family: str = ""
    prediction_type: Literal["epsilon", "v_prediction"] | None = None
    basis: Basis = "default"
    ema: bool = False
    vae_kind: FilesKind = "folder"
    root: str | None = None
    stamp: str = ""
    preview: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class UpscalerFile:
    """A model that enlarges pictures. `stamp` changes when the file at `path` does."""

    name: str
    path: str
    stamp: str = ""


@dataclass(frozen=True)
class Preload:
    """Load this model so that the first job finds it in memory."""

    files: ModelFiles


@dataclass(frozen=True)
class RunJob:
    """Make the pictures `indices` of the request; the others exist already.

    `others`: files of the further checkpoints that the request names, by their names. `images`:
    encoded pictures by the request field that refers to them. `embeddings`: the folders
    of textual-inversion files. `upscalers`: the files of upscalers that the request names.
    """

    job_id: str
    request: GenerationRequest
    files: ModelFiles
    indices: tuple[int, ...]
    others: Mapping[str, ModelFiles] = field(default_factory=dict)
    images: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    embeddings: tuple[str, ...] = ()
    upscalers: Mapping[str, UpscalerFile] = field(default_factory=dict)


@dataclass(frozen=True)
class Upscale:
    """Make a finished picture larger; `picture` is its file. `upscalers`: the files by name.

    `seed`: what the picture is said to be made from.
    """

    job_id: str
    wish: Enlarging
    picture: bytes = field(repr=False)
    seed: int = 0
    upscalers: Mapping[str, UpscalerFile] = field(default_factory=dict)


@dataclass(frozen=True)
class CancelJob:
    """Stop the job within one step; finished pictures stay."""

    job_id: str


@dataclass(frozen=True)
class SkipPictures:
    """Give up the current batch of the job and go on with the next."""

    job_id: str


@dataclass(frozen=True)
class Unload:
    """Forget all models and give their memory back."""


@dataclass(frozen=True)
class Stop:
    """End the worker process."""


WorkerCommand = Preload | RunJob | Upscale | CancelJob | SkipPictures | Unload | Stop
