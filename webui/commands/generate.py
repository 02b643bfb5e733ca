"""`generate`: pictures from a prompt without a server, written as files with their infotext."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter as Argument
from inspect import Signature
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from webui.commands.folders import Language, ModelFolders, ModelsDir, library_of
from webui.commands.paths import STYLES_FILE
from webui.commands.speech import Speech, reporting
from webui.commands.start_pictures import begun, opened_starts
from webui.commands.targets import targets
from webui.core.parameters import Parameter
from webui.core.request import FIXED_CHOICES, PARAMETERS, RANDOM_SEED, GenerationRequest
from webui.core.tile_grid import tile_grid
from webui.core.validation import complete, draw_seed
from webui.services.models import ModelLibrary
from webui.services.styles import StyleService

SHORT_FLAGS = {"negative_prompt": "-n"}

app = typer.Typer(add_completion=False)


def generate(**values: Any) -> None:
    """Makes the pictures. The arguments are the request's fields as texts, None when not given."""
    output: Path | None = values.pop("output")
    where = values.pop("models_dir"), values.pop("model_folder")
    styles = StyleService(values.pop("styles_file"))
    values["styles"] = values.pop("style")
    lang: str = values.pop("lang")
    inits: list[Path] = values.pop("init") or []
    masks: list[Path] = values.pop("mask_file") or []
    with reporting(lang), opened_starts(inits, masks) as starts:
        library = library_of(*where)
        values = styles.merge(values)
        if values.get("seed") in (None, "", str(RANDOM_SEED)):
            values["seed"] = str(draw_seed())  # one for all start pictures
        begins = [(begun(start, values), start.files) for start in starts] or [(values, {})]
        requests = [(requested(given, library), files) for given, files in begins]
        for start, (request, _) in zip(starts, requests, strict=False):
            if request.tile_upscale:
                tile_grid(start.size, request)
        first = requests[0][0]
        places = targets(output, first.seed, first.pictures, inits)
        # Late: torch takes seconds to import, and faulty input is to be told at once.
        from webui.commands.drawing import Work, draw

        works = [Work(*one, place) for one, place in zip(requests, places, strict=True)]
        draw(works, library, Speech(lang))


def requested(values: Mapping[str, Any], library: ModelLibrary) -> GenerationRequest:
    """The request that these flags make; the model's own defaults stand in for those not given.

    Raises:
        InvalidRequest: with one problem per faulty flag.
        ModelFileError: the checkpoint is there, but cannot be used.
    """
    names = library.offered()
    given = {name: value for name, value in values.items() if value is not None}
    first = next(iter([*names.checkpoints, *names.refused]), "")
    asked = given.get("checkpoint") or first
    checkpoint = names.known("checkpoints", asked)
    if checkpoint is not None or asked in names.refused:
        entry = library.entry(checkpoint or asked)
        width, height = entry.native_size
        given = {"width": width, "height": height, **entry.defaults, **given}
    return complete(given, names)


def _flag(parameter: Parameter) -> Argument:
    """The command-line flag of a row of the table. Its value stays text: validation reads it.

    What is on or off has two flags, as in "--hires/--no-hires".
    """
    if parameter.name == "prompt":
        return _argument(
            "prompt",
            str,
            typer.Argument(help=parameter.label, metavar="PROMPT", show_default=False),
        )
    panel = None if parameter.group == "main" else f"label.{parameter.group}"
    if parameter.kind == "flag":
        names = f"{parameter.flag}/--no-{parameter.flag[2:]}"
        switch = typer.Option(
            names, help=parameter.label, rich_help_panel=panel, show_default=False
        )
        return _argument(parameter.name, Optional[bool], switch, None)  # noqa: UP045 - as below
    option = typer.Option(
        parameter.flag,
        *([SHORT_FLAGS[parameter.name]] if parameter.name in SHORT_FLAGS else []),
        help=parameter.label,
        metavar=_metavar(parameter),
        rich_help_panel=panel,
        show_default=False,
    )
    return _argument(parameter.name, Optional[str], option, None)  # noqa: UP045 - built at run time


def _file_option(flag: str, text: str, panel: str) -> Any:
    return typer.Option(flag, help=text, metavar="FILE", rich_help_panel=panel, show_default=False)


def _metavar(parameter: Parameter) -> str:
    if parameter.choices and parameter.choices in FIXED_CHOICES:
        return "|".join(FIXED_CHOICES[parameter.choices])
    if parameter.minimum is None or parameter.maximum is None:
        return "NAME" if parameter.choices else "TEXT"
    return f"{parameter.minimum:g}..{parameter.maximum:.16g}"


def _argument(name: str, kind: Any, info: Any, default: Any = Argument.empty) -> Argument:
    return _known(name, Annotated[kind, info], default)


def _known(name: str, annotation: Any, default: Any = None) -> Argument:
    return Argument(name, Argument.KEYWORD_ONLY, annotation=annotation, default=default)


def _signature() -> Signature:
    flags = [_flag(parameter) for parameter in PARAMETERS.values() if parameter.shown]
    output = typer.Option("--output", "-o", help="cli.generate.output", show_default=False)
    style = typer.Option(
        "--style", "--styles", help="cli.generate.style", metavar="NAME", show_default=False
    )
    styles_file = typer.Option(help="cli.generate.styles_file", show_default="data/styles.csv")
    init = _file_option("--init", "cli.generate.init", "label.img2img")
    mask = _file_option("--mask", "cli.generate.mask", "label.inpaint")
    return Signature(
        [
            *flags,
            _argument("init", Optional[list[Path]], init, None),  # noqa: UP045 - built at run time
            _argument("mask_file", Optional[list[Path]], mask, None),  # noqa: UP045 - as above
            _argument("output", Optional[Path], output, None),  # noqa: UP045 - built at run time
            _argument("style", Optional[list[str]], style, None),  # noqa: UP045 - built at run time
            _argument("styles_file", Path, styles_file, STYLES_FILE),
            _known("models_dir", ModelsDir),
            _known("model_folder", ModelFolders),
            _known("lang", Language, ""),
        ]
    )


def _register() -> None:
    """Gives `generate` the flags of the table of parameters: typer reads them from here."""
    signature = _signature()
    generate.__signature__ = signature  # type: ignore[attr-defined]
    generate.__annotations__ = {
        name: argument.annotation for name, argument in signature.parameters.items()
    }
    app.command(help="cli.generate")(generate)


_register()
