"""Asks other servers: redirects, the hub's token, and what their answers mean."""

from __future__ import annotations

import contextlib
import http.client
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

from webui import __version__
from webui.core.errors import DownloadError, InvalidRequest, Message, TooLarge
from webui.services.downloads.addresses import Target, check_url, connection_to, shown

MOST_REDIRECTS = 10
LONGEST_DOCUMENT = 32 * 2**20
"""Bytes of a list of files; the largest repositories have some thousand."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
DENIED = frozenset({401, 403})
TOTAL = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)")
AGENT = f"Inkstone/{__version__}"


@dataclass(frozen=True)
class Network:
    """What downloads may do.

    hub: address of Hugging Face or of a mirror; token: for it alone, "" for none; private: whether
    private addresses may be reached; limit: most bytes of one download.
    """

    hub: str = "https://huggingface.co"
    token: str = ""
    private: bool = False
    limit: int = 100 * 10**9

    def __repr__(self) -> str:
        return f"Network({self.hub!r})"  # without the token: this may be logged


@dataclass(frozen=True)
class Answer:
    """An answer whose body is still to be read. `start`: the place of its first byte in the file.

    `size`: bytes of the whole file, None if the server does not say. `tag`: what changes when the
    file does, "" if the server does not say either.
    """

    url: str
    body: http.client.HTTPResponse
    start: int
    size: int | None
    tag: str

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by their names in lower case."""
        return {name.lower(): value for name, value in self.body.getheaders()}


class Web:
    """Opens URLs as a `Network` allows it."""

    def __init__(self, network: Network) -> None:
        self.network = network

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """Asks for a URL and follows redirects; the connection ends with the block.

        Raises:
            DownloadError: the address is not allowed, or the server refuses.
            OSError, http.client.HTTPException: the connection broke.
        """
        for _ in range(MOST_REDIRECTS):
            target = check_url(url, private=self.network.private)
            connection = connection_to(target, private=self.network.private)
            with contextlib.closing(connection):
                connection.request(
                    "GET", target.request_path, headers=self._headers(target, headers)
                )
                body = connection.getresponse()
                if body.status in REDIRECTS:
                    url = urljoin(url, body.getheader("location") or "")
                    continue
                _refuse_failure(body.status, url, self._of_hub(target))
                yield _answer(url, body)
                return
        raise DownloadError("error.download_redirects", url=shown(url))

    def document(self, url: str) -> tuple[bytes, Mapping[str, str]]:
        """A small document and its headers.

        Raises:
            DownloadError: as `open`; or the connection broke.
        """
        with reported(url), self.open(url) as answer:
            raw = answer.body.read(LONGEST_DOCUMENT + 1)
            if len(raw) > LONGEST_DOCUMENT:
                raise TooLarge("error.download_list", url=shown(url))
            return raw, answer.headers

    def _headers(self, target: Target, headers: Mapping[str, str] | None) -> dict[str, str]:
        own = {"User-Agent": AGENT, "Accept-Encoding": "identity", **(headers or {})}
        if self.network.token and self._of_hub(target):
            own["Authorization"] = f"Bearer {self.network.token}"
        return own

    def _of_hub(self, target: Target) -> bool:
        hub = check_url(self.network.hub, private=True)
        return target.origin == hub.origin


@contextmanager
def reported(url: str) -> Iterator[None]:
    """Raises a broken connection as a DownloadError."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise broken(url, error) from error


def broken(url: str, error: Exception) -> DownloadError:
    """The error to show for a connection that broke."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DownloadError("error.download_broken", url=shown(url), reason=str(reason)[:200])


def refused(key: str, field: str, **values: object) -> InvalidRequest:
    """What a person can mend in what they asked for."""
    return InvalidRequest(Message(key, values, field))


def _answer(url: str, body: http.client.HTTPResponse) -> Answer:
    length = body.getheader("content-length") or ""
    size = int(length) if length.isdecimal() else None
    start = 0
    if body.status == http.HTTPStatus.PARTIAL_CONTENT:
        said = TOTAL.fullmatch((body.getheader("content-range") or "").strip())
        if said is None or said[1] is None:
            raise http.client.HTTPException("Content-Range")
        start, size = int(said[1]), int(said[2])
    tag = body.getheader("etag") or ""
    if not tag or tag.startswith("W/"):  # a weak tag may stand for other bytes
        tag = body.getheader("last-modified") or ""
    return Answer(url, body, start, size, tag)


def _refuse_failure(status: int, url: str, hub: bool) -> None:
    if status in (http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT):
        return
    if status in DENIED:
        key = "error.download_gated" if hub else "error.download_denied"
        raise DownloadError(key, url=shown(url))
    if status in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE):
        raise DownloadError("error.download_missing", url=shown(url))
    if status == http.HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
        raise ConnectionError(f"HTTP {status}")  # worth another try
    raise DownloadError("error.download_status", url=shown(url), status=status)
