"""What the user interface needs from the server, as plain callables and values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request

from webui.core.errors import Message
from webui.core.request import GenerationRequest
from webui.core.validation import Names


class Model(Protocol):
    """A checkpoint as the form sees it.

    `native_size` is (width, height) in pixels; `defaults` are request fields that suit the model.
    `about` and `examples` are its own words by language, where it brings some.
    """

    @property
    def name(self) -> str:
        """Name in the model library; the value of the request's `checkpoint`."""

    @property
    def native_size(self) -> tuple[int, int]:
        """The size it was trained on, in pixels."""

    @property
    def family(self) -> str:
        """sd1, sd2, sdxl or sdxl_refiner; "" if only its own settings tell."""

    @property
    def variant(self) -> str:
        """base, inpaint, ip2p or depth: what else it takes in."""

    @property
    def distilled(self) -> str:
        """How it was distilled for few steps, lcm, turbo or lightning; "" if it was not."""

    @property
    def defaults(self) -> Mapping[str, object]:
        """Request fields to start with."""

    @property
    def about(self) -> Mapping[str, str]:
        """What it is, in one line."""

    @property
    def examples(self) -> Mapping[str, Sequence[str]]:
        """Prompts that it draws well."""


@dataclass(frozen=True)
class UiServices:
    """The composition root fills this in; nothing in `webui.ui` knows where it comes from.

    `catalogues`: language code -> key -> text, English first. `submit` puts a request into the
    queue for an owner and returns the job's id. `refresh` looks for new models. `merge` works the
    entry `styles` of request fields into the prompts. `owner_of` and `language_of` read a
    browser's request. `translate` turns a message into text of a language.
    `policy` makes the
    Content-Security-Policy of the page's HTML. `subpath` is the prefix of all addresses.
    """

    catalogues: Mapping[str, Mapping[str, str]]
    names: Callable[[], Names]
    models: Callable[[], Sequence[Model]]
    refresh: Callable[[], None]
    merge: Callable[[Mapping[str, Any]], dict[str, Any]]
    submit: Callable[[str, GenerationRequest], str]
    owner_of: Callable[[Request], str]
    language_of: Callable[[Request], str]
    translate: Callable[[Message, str], str]
    policy: Callable[[bytes], str]
    version: str
    subpath: str = ""
