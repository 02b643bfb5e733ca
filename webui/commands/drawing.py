"""The part of `generate` that needs torch: loads the model, draws, shows progress, writes files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from webui import __version__
from webui.commands.given import settings
from webui.commands.speech import Speech
from webui.commands.targets import numbered
from webui.commands.writing import put
from webui.core import infotext
from webui.core.errors import InkstoneError, Message
from webui.core.events import Phase
from webui.core.passes import further_models, pass_steps, upscalers_of
from webui.core.request import GenerationRequest
from webui.core.seeds import single
from webui.engine.device import choose_device
from webui.engine.faults import message_of
from webui.engine.models import Models, load_all
from webui.engine.pipeline import Indices, Picture, Watcher, generate
from webui.engine.samplers import StepEvent
from webui.services.formats import format_of
from webui.services.models import ModelLibrary
from webui.services.picture_files import encode_picture


@dataclass(frozen=True)
class Work:
    """A request, the pictures that it names by field, and the file to write."""

    request: GenerationRequest
    images: Mapping[str, Path]
    target: Path


def draw(works: Sequence[Work], library: ModelLibrary, say: Speech) -> None:
    """Draws all pictures in this process and writes each as soon as it is done.

    Raises:
        InkstoneError: a model cannot be loaded, memory runs out, a file cannot be written.
    """
    written: list[tuple[Path, str]] = []
    try:
        with progress_bar() as bar:
            models = Models(choose_device(), settings().memory_level)
            models.embeddings.look(library.embeddings_folders())
            whole = bar.add_task("", total=len(works), visible=len(works) > 1)
            for number, work in enumerate(works, 1):
                text = say("cli.generate.picture", number=number, of=len(works))
                bar.update(whole, description=text)
                writer = Writer(work.request, library, work.target, written)
                watcher = Teller(work.request, writer, bar, say)
                _draw_one(work, models, library, watcher)
                bar.update(whole, completed=number)
                watcher.close(keep=number == len(works))
    except (RuntimeError, MemoryError) as fault:
        message = message_of(fault)
        raise InkstoneError(message.key, **dict(message.values)) from fault
    finally:
        for path, infos in written:
            typer.echo(say("cli.generate.written", path=str(path)), err=True)
            typer.echo(infos)


def _draw_one(work: Work, models: Models, library: ModelLibrary, watcher: Watcher) -> None:
    request = work.request
    files = library.files(request.checkpoint, request.vae)
    further = {
        name: library.files(name, request.vae, field)
        for field, name in further_models(request).items()
    }
    watcher.on_phase("load", 0)
    model, others = load_all(models, request, files, further)
    generate(
        model.bundle,
        request,
        None,
        watcher,
        encoder=model.encoder,
        others={name: (other.bundle, other.encoder) for name, other in others.items()},
        images={field: path.read_bytes() for field, path in work.images.items()},
        upscalers=models.upscalers.ways(library.upscaler_files(*upscalers_of(request))),
    )


def progress_bar() -> Progress:
    """A bar on standard error, so that standard output holds the infotext alone."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


class Writer:
    """Writes pictures as files with the texts that the web UI puts into them.

    written: takes each file with its infotext.
    """

    def __init__(
        self,
        request: GenerationRequest,
        library: ModelLibrary,
        target: Path,
        written: list[tuple[Path, str]],
    ) -> None:
        self.request = request
        self.library = library
        self.target = target
        self.written = written

    def write(self, picture: Picture) -> None:
        """Writes one picture.

        Raises:
            StorageError: the system refused.
        """
        alone = single(self.request, picture.index)
        text = infotext.format(
            alone,
            model_hash=self.library.hash_of(self.request.checkpoint),
            vae_hash=self.library.vae_hash_of(self.request.vae),
            version=f"Inkstone {__version__}",
            extra=picture.extra,
        )
        height, width, _ = picture.pixels.shape
        rgb, copy = picture.pixels.tobytes(), alone.model_dump_json()
        wanted = format_of(self.target.suffix) or "png"
        file = encode_picture(rgb, width, height, wanted, text, copy)
        path = numbered(self.target, picture.index, self.request.pictures)
        self.written.append((put(file, path), text))


class Teller(Watcher):
    """Tells the progress bar what the engine does."""

    def __init__(
        self, request: GenerationRequest, writer: Writer, bar: Progress, say: Speech
    ) -> None:
        self._writer = writer
        self._bar = bar
        self._say = say
        self._pictures = request.pictures
        self._steps = sum(pass_steps(request))
        self._task = bar.add_task("", total=self._steps * request.batch_count)
        self._steps_before = 0
        self._batches = 0
        self._tiles = (0, 1, 1)

    def close(self, *, keep: bool) -> None:
        """Takes the bar away, or leaves it as it is."""
        if not keep:
            self._bar.remove_task(self._task)

    def on_phase(self, phase: Phase, index: int) -> None:
        """Shows the phase, and the picture if there are several."""
        if phase == "denoise":
            self._steps_before = self._steps * self._batches
            self._batches += 1
            self._tiles = (0, 1, 1)
        count = f" {index + 1}/{self._pictures}" if self._pictures > 1 else ""
        self._bar.update(self._task, description=self._say(f"phase.{phase}") + count)

    def on_step(self, indices: Indices, event: StepEvent) -> None:
        """Moves the bar."""
        before, drawn, total = self._tiles
        step = self._say("progress.step", step=event.step, steps=event.steps)
        if total > 1:
            tiles = f"{before + 1}-{before + drawn}" if drawn > 1 else before + 1
            step = f"{self._say('progress.tile', tile=tiles, tiles=total)} · {step}"
        share = (before + drawn * event.step / event.steps) / total
        done = self._steps_before + share * self._steps
        self._bar.update(self._task, completed=done, description=step)

    def on_tiles(self, index: int, tiles: Indices, count: int) -> None:
        """The bar moves by the share of each tile."""
        self._tiles = (tiles[0], len(tiles), count)

    def on_remark(self, message: Message) -> None:
        """Says it on standard error."""
        self._bar.console.print(self._say(message.key, **message.values), markup=False)

    def on_picture(self, picture: Picture) -> None:
        """Writes the picture before the next one begins: an interruption does not lose it."""
        self._writer.write(picture)
