"""Brings an offer to its place: all files aside, checked, then renamed at once."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

from webui.core.errors import ModelFileError
from webui.core.model_files.content import refuse_other_content
from webui.core.model_files.folders import recognise_folder
from webui.core.model_files.header import read_header
from webui.services.downloads.fetch import Wait, aside, check_room, fetch, fetched
from webui.services.downloads.offer import WEIGHTS, Offer
from webui.services.downloads.web import Web
from webui.services.storage_errors import storage_errors

Heard = Callable[[int], None]
"""Is told how many bytes of the whole offer are there."""


def keep(web: Web, offer: Offer, heard: Heard, wait: Wait) -> Path:
    """Fetches all files of the offer; returns the model's place.

    What is there already under this name is never touched. What was fetched before a stop or a
    failure is used by the next try.

    Raises:
        Cancelled: a person stopped it.
        DownloadError, StorageError: as `fetch`.
        ModelFileError: something of this name is there, or what came is damaged.
    """
    target = offer.target
    _refuse_existing(target)
    place = aside(target)
    with storage_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    check_room(target.parent, missing(offer))
    if offer.form == "file":
        [file] = offer.files
        fetch(web, file, place, heard, wait)
        _check(place)
    else:
        _fetch_folder(web, offer, place, heard, wait)
    _refuse_existing(target)  # somebody else may have made it meanwhile
    with storage_errors(target):
        place.rename(target)
    return target


def missing(offer: Offer) -> int:
    """Bytes that no earlier try has brought."""
    place = aside(offer.target)
    parts = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
    return max(0, offer.size - sum(fetched(path) for path in parts))


def discard(target: Path) -> None:
    """Removes what an unfinished download of this target has left."""
    place = aside(target)
    shutil.rmtree(place, ignore_errors=True)
    for rest in (place, place.with_name(place.name + ".json")):
        with contextlib.suppress(OSError):
            rest.unlink()


def _fetch_folder(web: Web, offer: Offer, place: Path, heard: Heard, wait: Wait) -> None:
    done = 0
    for file in offer.files:
        whole = place / file.path
        with storage_errors(whole):
            whole.parent.mkdir(parents=True, exist_ok=True)
        if fetched(whole) != file.size:
            part = aside(whole)
            fetch(web, file, part, _after(done, heard), wait)
            with storage_errors(whole):
                part.replace(whole)
        done += file.size
        if whole.name.endswith(WEIGHTS):
            _check(whole)
    heard(done)
    recognise_folder(place)


def _after(done: int, heard: Heard) -> Heard:
    """Tells the bytes of one file as those of all."""
    return lambda there: heard(done + there)


def _check(path: Path) -> None:
    """Raises ModelFileError unless it is a whole safetensors file."""
    try:
        refuse_other_content(path)
        read_header(path)
    except ModelFileError:
        path.unlink(missing_ok=True)
        raise


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise ModelFileError("error.download_exists", file=str(target))
