"""Pictures out of requests, taken in like uploaded ones."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from contextlib import ExitStack

from fastapi.concurrency import run_in_threadpool
from PIL import Image

from webui.core.errors import DownloadError, InkstoneError, InvalidRequest, Message, TooLarge
from webui.http.services import HttpServices
from webui.services.compat.requests import PICTURES
from webui.services.downloads.web import Web
from webui.services.encoded import decoded
from webui.services.inputs.table import Input


async def decode(services: HttpServices, text: object, field: str) -> bytes:
    """The bytes of a picture in a request; nothing was decoded beyond base64.

    Raises:
        InvalidRequest: it is no base64, or an address that is not or cannot be fetched.
        TooLarge: it is longer than any picture may be.
    """
    web = Web(services.api.network) if services.api.image_urls else None
    limit = services.inputs.limits.size
    try:
        return await run_in_threadpool(decoded, text, field, limit, web)
    except DownloadError as error:
        raise _about(error, field) from error


async def take(
    services: HttpServices, owner: str, files: Sequence[tuple[str, bytes]]
) -> list[Input]:
    """The owner's pictures in the order of the files, each with the entry that brought it.

    Raises:
        InvalidRequest: one is no picture, or damaged.
        TooLarge: one has too many bytes or pixels.
    """
    if not files:
        return []
    inputs = services.inputs
    with ExitStack() as places:
        paths = [places.enter_context(inputs.incoming()) for _ in files]
        for path, (_, data) in zip(paths, files, strict=True):
            await run_in_threadpool(path.write_bytes, data)
        outcomes = await asyncio.wrap_future(inputs.begin(owner, paths))
    found = []
    for (field, _), outcome in zip(files, outcomes, strict=True):
        if isinstance(outcome, InkstoneError):
            raise _about(outcome, field)
        found.append(outcome)
    return found


async def of_size(
    services: HttpServices, owner: str, given: Input, size: tuple[int, int], field: str
) -> Input:
    """The picture in this size, (width, height) in pixels."""
    if (given.width, given.height) == size:
        return given
    data = await run_in_threadpool(services.inputs.content, owner, given.id)
    resized = await run_in_threadpool(_resized, data, size)
    return (await take(services, owner, [(field, resized)]))[0]


def _resized(data: bytes, size: tuple[int, int]) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        buffer = io.BytesIO()
        image.resize(size, Image.Resampling.LANCZOS).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _about(error: InkstoneError, field: str) -> InkstoneError:
    """The same said about the entry. In a JSON body a wrong kind of file is a wrong value."""
    message = error.message
    if isinstance(error, TooLarge):
        return TooLarge(message.key, field=PICTURES.get(field, field), **message.values)
    return InvalidRequest(Message(message.key, message.values, field))
