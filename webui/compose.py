"""Wires the services and the application together. Imported by `webui.main` once its port is open.

Nothing here imports gradio or sqlalchemy on its own account, but what it imports does: that is
why it is a module of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from logging.handlers import RotatingFileHandler
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request

from webui import __version__
from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles
from webui.core.passes import further_models
from webui.core.request import GenerationRequest
from webui.http.app import create_app
from webui.http.authentication import Access
from webui.http.encoding import NoBrotli
from webui.http.identity import language_of, owner_of
from webui.http.policies import page_policy
from webui.http.services import ApiSettings, HttpServices
from webui.services.admission import check_fits
from webui.services.conversions import Conversions
from webui.services.downloads.service import Downloads
from webui.services.hub import EventHub
from webui.services.images import ImageStore
from webui.services.inputs.limits import MEGABYTE, InputLimits
from webui.services.inputs.store import InputStore
from webui.services.jobs import JobService
from webui.services.localisation import Localiser
from webui.services.merging import MergeService
from webui.services.models import (
    FRESH_SECONDS,
    PATIENCE_SECONDS,
    ModelEntry,
    ModelLibrary,
)
from webui.services.options import FILE_NAME as OPTIONS
from webui.services.options import OptionStore
from webui.services.settings import Settings
from webui.services.store import Store
from webui.services.styles import FILE_NAME as STYLES
from webui.services.styles import StyleService
from webui.services.tokens import TokenCounter
from webui.services.workers.local import LocalPool, LocalPoolOptions, worker_command

LOG_BYTES = 2 * 2**20


def open_services(
    settings: Settings,
    access: Access,
    localiser: Localiser,
    closing: ExitStack,
    stop: Callable[[], None],
) -> HttpServices:
    """Opens the store, starts the workers and the queue; `closing` ends them in reverse order.

    stop: ends the server, called from any thread.

    Raises:
        StorageError: the data folder or its database cannot be used.
    """
    store = Store(settings.data_dir, settings.database_url or None)
    closing.callback(store.close)
    _log_to(settings.data_dir / "logs" / "server.log")
    library = ModelLibrary(
        settings.models_dir,
        settings.model_folders,
        memory=settings.data_dir / "cache",
        patience=PATIENCE_SECONDS,
        fresh=FRESH_SECONDS,
    )
    closing.callback(library.close)
    merges = MergeService(library)
    closing.callback(merges.close)
    conversions = Conversions(library)
    closing.callback(conversions.close)
    downloads = Downloads(settings.models_dir, settings.network, arrived=library.refresh)
    closing.callback(downloads.close)
    hub = EventHub()
    closing.callback(hub.close)
    images = ImageStore(
        store, file_format=settings.samples_format, quality=settings.samples_quality
    )
    limits = InputLimits(size=int(settings.input_limit * MEGABYTE))
    inputs = InputStore(store, limits=limits, days=settings.input_days)
    closing.callback(inputs.close)
    command = worker_command(settings.memory_level)
    pool = LocalPool(
        settings.data_dir, LocalPoolOptions(size=settings.workers or 1, command=command)
    )
    jobs = JobService(store, images, inputs, hub, pool, library)
    jobs.start(_first(library))
    closing.callback(jobs.close)

    def check(request: GenerationRequest) -> None:
        for name in (request.checkpoint, *further_models(request).values()):
            check_fits(request, library.entry(name), jobs.memory())

    return HttpServices(
        jobs=jobs,
        images=images,
        inputs=inputs,
        hub=hub,
        library=library,
        downloads=downloads,
        merges=merges,
        conversions=conversions,
        tokens=TokenCounter(),
        styles=StyleService(settings.data_dir / STYLES),
        access=access,
        subpath=settings.subpath,
        localiser=localiser,
        options=OptionStore(settings.data_dir / OPTIONS),
        api=ApiSettings(
            settings.api_compatible,
            settings.api_image_urls,
            settings.api_server_stop,
            settings.network,
            settings.api_flags,
        ),
        stop=stop,
        names=library.offered,
        check=check,
        version=__version__,
    )


def build_app(services: HttpServices) -> FastAPI:
    """The finished application: our routes first, the user interface behind them at "/"."""
    app = create_app(services)
    # gradio takes seconds to import; by now the workers are starting beside it.
    page = import_module("webui.ui.app")
    seams = import_module("webui.ui.services")
    mounting = import_module("webui.ui.mount")

    def submit(owner: str, request: GenerationRequest) -> str:
        return services.submit(owner, request).id

    def models() -> tuple[ModelEntry, ...]:
        return services.library.entries()

    def refresh() -> None:
        services.library.refresh()

    def owner(request: Request) -> str:
        return owner_of(request.headers)

    def language(request: Request) -> str:
        return language_of(request.headers)

    ui = seams.UiServices(
        catalogues=services.localiser.catalogues,
        names=services.names,
        models=models,
        refresh=refresh,
        merge=services.styles.merge,
        submit=submit,
        owner_of=owner,
        language_of=language,
        translate=services.localiser.message,
        policy=page_policy,
        version=services.version,
        subpath=services.subpath,
    )
    finished: FastAPI = mounting.mount(app, page.build(ui), ui)
    finished.add_middleware(NoBrotli)
    return finished


def _first(library: ModelLibrary) -> ModelFiles | None:
    """The model that a form begins with, for the worker to load before anybody asks."""
    name = next(iter(library.names()), None)
    try:
        return library.files(name) if name else None
    except ModelFileError:
        return None  # removed in this very moment


def _log_to(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(file, maxBytes=LOG_BYTES, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("webui")
    root.setLevel(logging.INFO)
    root.addHandler(handler)
