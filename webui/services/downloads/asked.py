"""What a person typed: a URL, or a repository of the hub and perhaps a file in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from webui.services.downloads.web import refused

HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
REVISION = re.compile(r"[\w][\w./-]{0,199}", re.ASCII)
IN_ADDRESS = frozenset({"resolve", "blob", "tree", "raw"})
LONGEST = 2000
MAIN = "main"


@dataclass(frozen=True)
class Asked:
    """Either `url`, or a `repository` ("owner/name") with a `file` in it, "" for the whole."""

    url: str = ""
    repository: str = ""
    revision: str = MAIN
    file: str = ""


def read_asked(what: str, hub: str) -> Asked:
    """Reads "https://…", "owner/name", "owner/name/file.safetensors", each with "@revision".

    Addresses of the hub's pages count as repositories; `hub` is the address of the one in use.

    Raises:
        InvalidRequest: it is none of these.
    """
    text = what.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise refused("error.download_what", "what", got=text[:80])
    if "://" not in text:
        return _of_repository(text)
    parts = _split(text)
    if parts[0] in HUB_HOSTS | {_split(hub)[0]}:
        words = [unquote(word) for word in parts[1].split("/") if word]
        if len(words) == 2:
            return _checked(Asked(repository="/".join(words)), text)
        if len(words) > 3 and words[2] in IN_ADDRESS:
            repository, file = "/".join(words[:2]), "/".join(words[4:])
            if words[2] != "tree":
                return _checked(Asked("", repository, words[3], file), text)
            return _checked(Asked("", repository, words[3]), text)
    return Asked(url=text)


def _of_repository(text: str) -> Asked:
    place, _, revision = text.partition("@")
    words = place.rstrip("/").split("/")
    asked = Asked("", "/".join(words[:2]), revision or MAIN, "/".join(words[2:]))
    return _checked(asked, text)


def _checked(asked: Asked, text: str) -> Asked:
    fits = REPOSITORY.fullmatch(asked.repository) and REVISION.fullmatch(asked.revision)
    steps = PurePosixPath(asked.file).parts
    if not fits or ".." in (*steps, *asked.revision.split("/")) or asked.file.startswith("/"):
        raise refused("error.download_what", "what", got=text[:80])
    return asked


def _split(url: str) -> tuple[str, str]:
    """Host (with a port that is written) and path."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise refused("error.download_what", "what", got=url[:80]) from error
    return parts.netloc.casefold(), parts.path
