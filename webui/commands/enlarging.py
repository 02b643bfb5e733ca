"""The part of `upscale` that needs torch: loads models, enlarges, shows progress, writes files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from webui.commands.drawing import progress_bar
from webui.commands.given import settings
from webui.commands.speech import Speech
from webui.commands.writing import put
from webui.core.enlarging import Enlarging, infotext_after
from webui.core.errors import InkstoneError
from webui.engine.device import choose_device
from webui.engine.faults import message_of
from webui.engine.memory import Memory
from webui.engine.upscale import Enlarge
from webui.engine.upscaling.finished import enlarge_finished, enlarged_alpha, opened
from webui.engine.upscaling.upscaler import Upscalers
from webui.services.extras import made_of
from webui.services.formats import format_of
from webui.services.models import ModelLibrary
from webui.services.picture_files import PictureFile, encode_picture
from webui.services.reading import Reader


@dataclass(frozen=True)
class Work:
    """A picture: the file that a person named, its plain pixels, and the file to write."""

    source: Path
    plain: Path
    target: Path


def enlarge(works: Sequence[Work], wish: Enlarging, library: ModelLibrary, say: Speech) -> None:
    """Enlarges one after the other; each is written as soon as it is done.

    Raises:
        InkstoneError: a model cannot be loaded, memory runs out, a file cannot be written.
    """
    files = library.upscaler_files(*wish.upscalers)
    held = Upscalers(Memory(choose_device(), settings().memory_level))
    written: list[tuple[Path, str]] = []
    try:
        with progress_bar() as bar:
            whole = bar.add_task("", total=len(works))
            tiles = bar.add_task(say("phase.load"), total=None, visible=bool(files))
            named = say("phase.upscale")
            ways = held.ways(
                files,
                lambda n, of: bar.update(tiles, description=named, completed=n, total=of),
            )
            for number, work in enumerate(works, 1):
                text = say("cli.generate.picture", number=number, of=len(works))
                bar.update(whole, description=text)
                file, infotext = _enlarged(work, wish, ways, library)
                written.append((put(file, work.target), infotext))
                bar.update(whole, completed=number)
    finally:
        for path, infotext in written:
            typer.echo(say("cli.generate.written", path=str(path)), err=True)
            typer.echo(infotext)


def _enlarged(
    work: Work, wish: Enlarging, ways: Mapping[str, Enlarge], library: ModelLibrary
) -> tuple[PictureFile, str]:
    """The picture's new file, and its infotext with what was done to it."""
    try:
        pixels, alpha = opened(work.plain.read_bytes())
        larger = enlarge_finished(pixels, wish, ways)
    except (RuntimeError, MemoryError) as fault:
        message = message_of(fault)
        raise InkstoneError(message.key, **dict(message.values)) from fault
    seen = enlarged_alpha(alpha, wish) if alpha else None
    reading = Reader(library.offered, library).picture(work.source.read_bytes())
    before = reading.said.infotext
    made = made_of(reading.values, library.offered()).model_dump_json() if before else ""
    infotext = infotext_after(before, wish)
    height, width, _ = larger.shape
    wanted = format_of(work.target.suffix) or "png"
    file = encode_picture(larger.tobytes(), width, height, wanted, infotext, made, alpha=seen)
    return file, infotext
