"""Downloads of a running server: begun, listed, stopped."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from webui.core.errors import Cancelled, InkstoneError, Message, ModelFileError, NotFound
from webui.services.downloads.fetch import check_room
from webui.services.downloads.keep import discard, keep, missing
from webui.services.downloads.look import look
from webui.services.downloads.offer import Offer
from webui.services.downloads.web import Network, Web

AT_ONCE = 2
MOST = 50
"""Downloads that are remembered, finished ones included."""

State = Literal["waiting", "fetching", "done", "failed", "stopped"]
ENDED = frozenset({"done", "failed", "stopped"})

_log = logging.getLogger(__name__)


@dataclass
class Download:
    """One download. Changed by its own thread alone, but for `stop`. `received`: in bytes."""

    id: str
    offer: Offer
    state: State = "waiting"
    received: int = 0
    problem: Message | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def to_json(self) -> dict[str, Any]:
        """The form that clients get; the message has no text yet."""
        return {
            "id": self.id,
            "what": self.offer.what,
            "state": self.state,
            "received": self.received,
            **self.offer.to_json(),
            "message": self.problem.to_json() if self.problem else None,
        }


class Downloads:
    """Fetches models in the background. Safe to use from several threads."""

    def __init__(
        self, models_dir: Path, network: Network, *, arrived: Callable[[], object] = lambda: None
    ) -> None:
        """`arrived` is called after each model that has come."""
        self._models_dir = models_dir
        self._web = Web(network)
        self._arrived = arrived
        self._lock = threading.Lock()
        self._downloads: dict[str, Download] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="download")

    def look(self, what: str, to: str = "", sha256: str = "") -> Offer:
        """What would be fetched. Raises as `webui.services.downloads.look.look`."""
        return look(self._web, what, self._models_dir, to=to, sha256=sha256)

    def begin(self, offer: Offer) -> Download:
        """Puts an offer into the row of downloads.

        Raises:
            ModelFileError: a file of this name is there or on its way, or too many downloads wait.
            StorageError: the disk has no room for it.
        """
        target = offer.target
        if target.exists() or target.is_symlink():
            raise ModelFileError("error.download_exists", file=str(target))
        check_room(target.parent, missing(offer))
        with self._lock:
            going = [one for one in self._downloads.values() if one.state not in ENDED]
            if any(one.offer.target == target for one in going):
                raise ModelFileError("error.download_going", file=target.name)
            if len(going) >= MOST:
                raise ModelFileError("error.download_many", high=MOST)
            for old in [one for one in self._downloads.values() if one.offer.target == target]:
                del self._downloads[old.id]  # this one goes on where that one ended
            self._forget_old()
            download = Download(secrets.token_hex(8), offer)
            self._downloads[download.id] = download
        self._threads.submit(self._run, download)
        return download

    def all(self) -> tuple[Download, ...]:
        """All that are remembered, the newest first."""
        with self._lock:
            return tuple(reversed(self._downloads.values()))

    def end(self, download_id: str) -> None:
        """Stops a download; what it has fetched stays. Forgets an ended one, with that rest.

        Raises:
            NotFound: there is none of this id.
        """
        with self._lock:
            download = self._downloads.get(download_id)
            if download is None:
                raise NotFound("error.download_gone")
            if download.state not in ENDED:
                download.stop.set()
                return
            del self._downloads[download_id]
        if download.state != "done":
            discard(download.offer.target)

    def close(self) -> None:
        """Stops all downloads; they go on when they are asked for again."""
        for download in self.all():
            download.stop.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _run(self, download: Download) -> None:
        def heard(received: int) -> None:
            download.received = received

        download.state = "fetching"
        try:
            if download.stop.is_set():
                raise Cancelled
            keep(self._web, download.offer, heard, download.stop.wait)
        except Cancelled:
            download.state = "stopped"
        except InkstoneError as error:
            _log.warning("download of %s: %s", download.offer.what, error)
            download.problem, download.state = error.message, "failed"
        except BaseException:
            _log.exception("download of %s", download.offer.what)
            download.problem = Message("error.download_failed")
            download.state = "failed"
            raise
        else:
            download.state = "done"
            self._arrived()

    def _forget_old(self) -> None:
        ended = [one for one in self._downloads.values() if one.state in ENDED]
        for one in ended[: max(0, len(self._downloads) - MOST + 1)]:
            del self._downloads[one.id]
