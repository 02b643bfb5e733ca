"""Bodies that are files, streamed to the disk: none is held in memory, none longer than allowed."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from webui.core.errors import InvalidRequest, Message
from webui.services.storage_errors import storage_errors

PATIENCE = 30.0
"""Seconds without a byte after which a body counts as abandoned."""

FIELD = "file"
MOST_FIELDS = 8
ENVELOPE = 2**16
"""Bytes that a form has around its file."""

BLOCK = 2**20

Check = Callable[[int], None]
"""Raises when so many bytes are too many."""


async def receive_file(request: Request, target: Path, check: Check) -> None:
    """Writes the body to `target`: raw, or the field `file` of a multipart form.

    Raises:
        TooLarge: `check` did; the rest of the body was not read.
        InvalidRequest: a form without such a field, or the client stopped sending.
        StorageError: the file cannot be written.
        ClientDisconnect: the client is gone.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = kind == "multipart/form-data"
    slack = ENVELOPE if form else 0
    announced = request.headers.get("content-length", "")
    if announced.isdecimal():
        check(int(announced[:20]) - slack)
    if form:
        await _form_file(_bounded(request, check, slack), target, check)
    else:
        await _raw(request, target, check)


async def _raw(request: Request, target: Path, check: Check) -> None:
    with _private(target) as file:
        count, held = 0, bytearray()
        async for part in _patient(request):
            count += len(part)
            check(count)
            held += part
            if len(held) >= BLOCK:
                await _write(file, target, bytes(held))
                held.clear()
        await _write(file, target, bytes(held))


async def _form_file(request: Request, target: Path, check: Check) -> None:
    try:
        async with request.form(max_files=1, max_fields=MOST_FIELDS) as form:
            upload = form.get(FIELD)
            if upload is None or isinstance(upload, str):
                raise InvalidRequest(Message("error.input_form", {"name": FIELD}, FIELD))
            await run_in_threadpool(_copy, upload, target, check)
    except HTTPException as error:  # how a malformed form is told
        raise InvalidRequest(Message("error.input_form", {"name": FIELD}, FIELD)) from error


def _copy(upload: UploadFile, target: Path, check: Check) -> None:
    check(upload.size or 0)
    with _private(target) as file, storage_errors(target):
        shutil.copyfileobj(upload.file, file, BLOCK)


def _bounded(request: Request, check: Check, slack: int) -> Request:
    """The request, with a body that ends in an error when it is too long or does not come."""
    count = 0

    async def receive() -> Any:
        nonlocal count
        message = await _in_time(request)
        count += len(message.get("body", b""))
        check(count - slack)
        return message

    return Request(request.scope, receive)


async def _patient(request: Request) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await _in_time(request)
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def _in_time(request: Request) -> Any:
    try:
        return await asyncio.wait_for(request.receive(), PATIENCE)
    except asyncio.TimeoutError as error:
        raise InvalidRequest(Message("error.input_stalled", {"seconds": int(PATIENCE)})) from error


def _private(target: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with storage_errors(target):
        return os.fdopen(os.open(target, flags, 0o600), "wb")


async def _write(file: BinaryIO, target: Path, data: bytes) -> None:
    with storage_errors(target):
        await run_in_threadpool(file.write, data)
