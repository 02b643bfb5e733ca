"""The options that most commands take: where models and data lie, and the language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from webui.commands.given import settings
from webui.services.models import ModelLibrary

DataDir = Annotated[Path | None, typer.Option(help="cli.data_dir", show_default="data")]
ModelsDir = Annotated[Path | None, typer.Option(help="cli.models_dir", show_default="models")]
ModelFolders = Annotated[
    list[Path] | None,
    typer.Option(help="cli.serve.model_folder", metavar="DIR", show_default=False),
]
Language = Annotated[str, typer.Option(help="cli.lang", show_default=False)]


def library_of(models_dir: Path | None, model_folder: Sequence[Path] | None) -> ModelLibrary:
    """The models of these folders; None leaves it to the environment and the defaults.

    Raises:
        InkstoneError: a setting in the environment is not valid.
    """
    chosen = settings(models_dir=models_dir, model_folders=model_folder or None)
    return ModelLibrary(chosen.models_dir, chosen.model_folders)
