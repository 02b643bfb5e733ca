"""The composition root of the server: settings → store → workers → http → ui.

`serve` opens the port first and shows a page that says what is loading; the rest is imported
and built beside it, so that a person sees an answer in a second.
"""

from __future__ import annotations

import errno
import logging
import signal
import socket
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import FrameType

import typer
import uvicorn

from webui import __version__
from webui.core.errors import InkstoneError, Message
from webui.http.authentication import Access, Authentication
from webui.http.connections import PatientProtocol
from webui.http.gate import Gate, GateOptions
from webui.http.limits import Limits
from webui.http.stage import Stage
from webui.services.access_tokens import AccessTokens
from webui.services.accounts import ADMIN, Accounts
from webui.services.localisation import Localiser
from webui.services.settings import Settings
from webui.services.throttle import Throttle

GRACE_SECONDS = 5
SIGNALS = (signal.SIGINT, signal.SIGTERM)

_log = logging.getLogger(__name__)


def serve(settings: Settings, language: str = "") -> None:
    """Runs the server until it is interrupted.

    Raises:
        StorageError: the data folder cannot be used.
        InkstoneError: the port is taken, or an account is malformed.
    """
    started = time.monotonic()
    localiser = Localiser()
    tongue = localiser.negotiate(chosen=language)

    def tell(key: str, **values: object) -> None:
        typer.echo(localiser.text(key, tongue, **values))

    with ExitStack() as closing:
        accounts = open_accounts(settings, tell)
        listener = closing.enter_context(bind(settings))
        stage = Stage(localiser, settings.subpath)
        access = Access(accounts, AccessTokens(settings.data_dir), Throttle())
        server = Server(guarded(stage, settings, access, localiser), settings)
        builder = Builder(settings, access, localiser, stage, server)

        def built() -> None:
            tell("serve.ready", seconds=f"{time.monotonic() - started:.1f}", url=settings.url)

        closing.callback(builder.close)
        threading.Thread(target=builder.run, args=(built,), name="build", daemon=True).start()
        tell("serve.opening", version=__version__, url=settings.url)
        server.run(sockets=[listener])
        tell("serve.stopping")
    if server.failure is not None:
        raise server.failure


def open_accounts(settings: Settings, tell: Callable[..., None]) -> Accounts:
    """The accounts of this run; makes the first one when a network could reach us without."""
    accounts = Accounts(settings.data_dir)
    for pair in settings.auth:
        accounts.add(pair)
    if settings.open_to_network and not accounts:
        tell("serve.password", name=ADMIN, password=accounts.create_admin())
    return accounts


def guarded(app: Stage, settings: Settings, access: Access, localiser: Localiser) -> Gate:
    """The application with the limits around it, and the gate around both."""
    options = GateOptions(
        settings.open_to_network, settings.allowed_hosts, settings.cors_origins, settings.subpath
    )
    limits = Limits(app, localiser, rate=settings.rate_limit)
    return Gate(limits, Authentication(access, settings.api_auth), localiser, options)


def bind(settings: Settings) -> socket.socket:
    """The listening socket.

    Raises:
        InkstoneError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.address, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        key = "error.port_taken" if taken else "error.address"
        reason = error.strerror or str(error)
        raise InkstoneError(
            key, port=settings.port, host=settings.address, next=settings.port + 1, reason=reason
        ) from error
    return listener


class Server(uvicorn.Server):
    """uvicorn, with streams of events ended first when it is told to stop."""

    def __init__(self, app: Gate, settings: Settings) -> None:
        """The server, ready to run.

        Raises:
            InkstoneError: the files for TLS cannot be used.
        """
        config = uvicorn.Config(
            app,
            log_level="warning",
            timeout_graceful_shutdown=GRACE_SECONDS,
            server_header=False,
            http=PatientProtocol,
            ws="none",
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
        )
        try:
            config.load()  # here, where a wrong file can be told plainly
        except OSError as error:  # ssl.SSLError is one
            raise InkstoneError(
                "error.tls",
                cert=str(settings.tls_cert),
                key=str(settings.tls_key),
                reason=error.strerror or str(error),
            ) from error
        super().__init__(config)
        self.before_exit: list[Callable[[], None]] = []
        self.failure: InkstoneError | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handles Ctrl+C and SIGTERM while serving.

        uvicorn raises the signals once more at the end, which would end the process before the
        workers and the store are closed.
        """
        before = {name: signal.signal(name, self.handle_exit) for name in SIGNALS}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def end(self) -> None:
        """Ends the server as Ctrl+C does; from any thread."""
        self.handle_exit(signal.SIGTERM, None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Notes the signal (uvicorn) and lets the open streams end."""
        super().handle_exit(sig, frame)
        for end in self.before_exit:
            end()


class Builder:
    """Builds the application beside the running server, and takes it down again."""

    def __init__(
        self,
        settings: Settings,
        access: Access,
        localiser: Localiser,
        stage: Stage,
        server: Server,
    ) -> None:
        self._settings = settings
        self._access = access
        self._localiser = localiser
        self._stage = stage
        self._server = server
        self._closing = ExitStack()
        self._lock = threading.Lock()

    def run(self, built: Callable[[], None]) -> None:
        """Builds everything; an error stops the server, and `serve` raises it."""
        while not self._server.started and not self._server.should_exit:
            time.sleep(0.005)
        try:
            with self._lock:
                self._build()
        except InkstoneError as error:
            self._stage.say(error.message, failed=True)
            self._server.failure = error
            self._server.should_exit = True
        else:
            built()

    def _build(self) -> None:
        # Imported here so that the port answers first: together they take seconds.
        compose = import_module("webui.compose")
        services = compose.open_services(
            self._settings, self._access, self._localiser, self._closing, self._server.end
        )
        self._server.before_exit.append(services.hub.close)
        self._stage.say(Message("loading.interface"))
        if self._settings.browser:
            threading.Thread(
                target=webbrowser.open, args=(self._settings.url,), daemon=True
            ).start()
        self._stage.present(compose.build_app(services))

    def close(self) -> None:
        """Stops workers and store in the reverse order of their opening."""
        with self._lock:
            self._closing.close()
