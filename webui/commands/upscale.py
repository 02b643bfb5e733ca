"""`upscale`: finished pictures made larger without a server, their infotexts kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Optional

import typer

from webui.commands.folders import Language, ModelFolders, ModelsDir, library_of
from webui.commands.speech import Speech, reporting
from webui.commands.start_pictures import opened_pictures
from webui.commands.targets import targets
from webui.core.enlarging import Enlarging, enlarged_size
from webui.core.errors import InvalidRequest, Message
from webui.core.specs import NOT_ENLARGED
from webui.services.extras import asked
from webui.services.models import ModelLibrary

FLAGS = MappingProxyType(
    {"factor": "by", "upscaler_1": "upscaler", "upscaler_2": "upscaler-2", "picture": "files"}
)
"""What the entries of `asked` are called here, where not as there."""

app = typer.Typer(add_completion=False)


@app.command(help="cli.upscale")
def upscale(
    files: Annotated[list[Path], typer.Argument(help="cli.upscale.files", metavar="FILE...")],
    upscaler: Annotated[
        str, typer.Option("--upscaler", "-u", help="cli.upscale.upscaler", metavar="NAME")
    ] = "Lanczos",
    by: Annotated[
        Optional[float],  # noqa: UP045 - typer reads it on Python 3.10
        typer.Option(help="cli.upscale.by", metavar="1..8", show_default="2"),
    ] = None,
    width: Annotated[int, typer.Option(help="cli.upscale.size", show_default=False)] = 0,
    height: Annotated[int, typer.Option(help="cli.upscale.size", show_default=False)] = 0,
    crop: Annotated[bool, typer.Option(help="cli.upscale.crop")] = True,
    upscaler_2: Annotated[
        str, typer.Option(help="cli.upscale.upscaler_2", metavar="NAME", show_default=False)
    ] = NOT_ENLARGED,
    visibility: Annotated[float, typer.Option(help="cli.upscale.visibility", metavar="0..1")] = 0.5,
    output: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it on Python 3.10
        typer.Option("--output", "-o", "--out", help="cli.upscale.output", show_default="."),
    ] = None,
    models_dir: ModelsDir = None,
    model_folder: ModelFolders = None,
    lang: Language = "",
) -> None:
    """Enlarges each picture by a factor, or to a size if one is given."""
    to_size = bool(width or height)
    entries = {
        "mode": "size" if to_size else "factor",
        "factor": 2.0 if by is None else by,
        "width": width if to_size else 1,
        "height": height if to_size else 1,
        "crop": crop,
        "upscaler_1": upscaler,
        "upscaler_2": upscaler_2,
        "visibility": visibility,
    }
    with reporting(lang), opened_pictures("file", files) as pictures:
        if to_size and (by is not None or not (width and height)):
            raise InvalidRequest(Message("error.upscale_size", {}))
        library = library_of(models_dir, model_folder)
        wish = _wished(entries, [(one.width, one.height) for one, _ in pictures], library)
        places = targets(output or Path(), 0, 1, files)
        # Late: torch takes seconds to import, and faulty input is to be told at once.
        from webui.commands.enlarging import Work, enlarge

        rows = zip(files, pictures, places, strict=True)
        works = [Work(source, plain, target) for source, (_, plain), target in rows]
        enlarge(works, wish, library, Speech(lang))


def _wished(
    entries: dict[str, Any], sizes: list[tuple[int, int]], library: ModelLibrary
) -> Enlarging:
    try:
        wish = asked(entries, library.offered())
        for size in sizes:
            enlarged_size(size, wish)
    except InvalidRequest as error:
        named = (replace(p, field=FLAGS.get(p.field or "", p.field)) for p in error.problems)
        raise InvalidRequest(*named) from error
    return wish
