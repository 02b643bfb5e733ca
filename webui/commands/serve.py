"""`serve`: the web user interface."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from webui.commands.folders import DataDir, Language, ModelFolders, ModelsDir
from webui.commands.given import settings
from webui.commands.speech import caller_language, reporting
from webui.core.memory_levels import MemoryLevel
from webui.main import serve as run_server
from webui.services.formats import FORMATS, QUALITY
from webui.services.settings import RATE

app = typer.Typer(add_completion=False)


@app.command(help="cli.serve")
def serve(
    host: Annotated[
        str | None, typer.Option(help="cli.serve.host", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="cli.serve.port", show_default="7860")
    ] = None,
    listen: Annotated[bool, typer.Option("--listen", help="cli.serve.listen")] = False,
    auth: Annotated[
        list[str] | None, typer.Option(metavar="USER:PASSWORD", help="cli.serve.auth")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="cli.serve.allow_host")
    ] = None,
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
    model_folder: ModelFolders = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="cli.serve.no_browser")] = False,
    workers: Annotated[
        int | None, typer.Option(min=0, help="cli.serve.workers", show_default="0")
    ] = None,
    memory_level: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(get_args(MemoryLevel)),
            help="cli.serve.memory_level",
            show_default="auto",
        ),
    ] = None,
    samples_format: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(FORMATS), help="cli.serve.samples_format", show_default="png"
        ),
    ] = None,
    samples_quality: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="cli.serve.samples_quality", show_default=str(QUALITY)),
    ] = None,
    compatible: Annotated[bool, typer.Option("--compatible", help="cli.serve.compatible")] = False,
    api_image_urls: Annotated[
        bool, typer.Option("--api-image-urls", help="cli.serve.api_image_urls")
    ] = False,
    api_server_stop: Annotated[
        bool, typer.Option("--api-server-stop", help="cli.serve.api_server_stop")
    ] = False,
    api_auth: Annotated[
        list[str] | None,
        typer.Option(metavar="USER:PASSWORD[,USER:PASSWORD]", help="cli.serve.api_auth"),
    ] = None,
    cors_origin: Annotated[
        list[str] | None, typer.Option(metavar="ORIGIN", help="cli.serve.cors_origin")
    ] = None,
    subpath: Annotated[
        str | None, typer.Option(metavar="/PATH", help="cli.serve.subpath", show_default=False)
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="cli.serve.tls_cert", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="cli.serve.tls_key", show_default=False)
    ] = None,
    rate_limit: Annotated[
        float | None, typer.Option(min=0, help="cli.serve.rate_limit", show_default=f"{RATE:g}")
    ] = None,
    lang: Language = "",
) -> None:
    """Serves until it is interrupted."""
    with reporting(lang):
        run_server(
            settings(
                host=host,
                port=port,
                listen=listen or None,
                auth=tuple(auth) if auth else None,
                allowed_hosts=tuple(allow_host) if allow_host else None,
                data_dir=data_dir,
                models_dir=models_dir,
                model_folders=model_folder or None,
                browser=False if no_browser else None,
                workers=workers,
                memory_level=memory_level,
                samples_format=samples_format,
                samples_quality=samples_quality,
                api_compatible=compatible or None,
                api_image_urls=api_image_urls or None,
                api_server_stop=api_server_stop or None,
                api_auth=tuple(api_auth) if api_auth else None,
                cors_origins=tuple(cors_origin) if cors_origin else None,
                subpath=subpath,
                tls_cert=tls_cert,
                tls_key=tls_key,
                rate_limit=rate_limit,
            ),
            caller_language(lang),
        )
