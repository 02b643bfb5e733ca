"""What the HTTP layer needs from the server, put together once by `webui.main`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webui.core.errors import Message
from webui.core.request import GenerationRequest
from webui.core.validation import Names
from webui.http.answers import problem
from webui.http.authentication import Access
from webui.services.accounts import Accounts
from webui.services.conversions import Conversions
from webui.services.downloads.service import Downloads
from webui.services.downloads.web import Network
from webui.services.hub import EventHub
from webui.services.images import ImageStore
from webui.services.inputs.store import InputStore
from webui.services.jobs import JobService
from webui.services.localisation import Localiser
from webui.services.localised import localised
from webui.services.merging import MergeService
from webui.services.models import ModelLibrary
from webui.services.options import OptionStore
from webui.services.records import Job
from webui.services.styles import StyleService
from webui.services.tokens import TokenCounter


@dataclass(frozen=True)
class ApiSettings:
    """How the API for existing clients behaves.

    `compatible`: unknown names are replaced in silence, as stable-diffusion-webui does.
    `image_urls`: pictures may be given as URLs, which are fetched within the bounds of `network`.
    `server_stop`: an administrator may stop the server through it. `flags`: what it tells about
    how the server was started; no secrets.
    """

    compatible: bool = False
    image_urls: bool = False
    server_stop: bool = False
    network: Network = field(default_factory=Network)
    flags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpServices:
    """The services behind the routes.

    `check` refuses requests that would not fit the worker; `stop` ends the server. `subpath` is the
    prefix of all addresses, "" for none.
    """

    jobs: JobService
    images: ImageStore
    inputs: InputStore
    hub: EventHub
    library: ModelLibrary
    downloads: Downloads
    merges: MergeService
    conversions: Conversions
    tokens: TokenCounter
    styles: StyleService
    access: Access
    localiser: Localiser
    options: OptionStore
    api: ApiSettings
    stop: Callable[[], None]
    names: Callable[[], Names]
    check: Callable[[GenerationRequest], None]
    version: str
    subpath: str = ""

    @property
    def accounts(self) -> Accounts:
        """Who may use the server."""
        return self.access.accounts

    def submit(
        self,
        owner: str,
        request: GenerationRequest,
        *,
        idempotency_key: str | None = None,
        keep: bool = True,
    ) -> Job:
        """Queues a request that fits the worker; the form and the API both come here.

        `keep`: its pictures go into the history.

        Raises:
            InvalidRequest: it does not fit, or too many jobs of this owner wait.
        """
        self.check(request)
        return self.jobs.submit(owner, request, idempotency_key=idempotency_key, keep=keep)

    def say(self, message: Message, language: str) -> dict[str, object]:
        """A message as clients get it: key and values for programs, text for people."""
        return problem(message, self.localiser, language)

    def localise(self, view: dict[str, Any], language: str) -> dict[str, Any]:
        """A view with the texts of its messages in this language."""
        filled: dict[str, Any] = localised(view, self.localiser, language)
        return filled
