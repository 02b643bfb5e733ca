"""Merges of models: one at a time, each in a process that is made for it and then gone."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import webui
from webui.core.errors import Cancelled, InkstoneError, InvalidRequest, Message, ModelFileError
from webui.core.merging import MergeJob, MergeOrder, MergeSource, check_order
from webui.core.model_files.header import read_header
from webui.services.files import part_of
from webui.services.models import ModelLibrary

COMMAND = (sys.executable, "-m", "webui.engine.merge")
SUFFIX = ".safetensors"
FOLDER = "checkpoints"

Progress = Callable[[int, int], None]
"""Told bytes done and bytes in all."""


class MergeProcess:
    """One merge. `run` returns when it is over, `cancel` may come from another thread."""

    def __init__(self, job: MergeJob) -> None:
        self._job = job
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    def run(self, progress: Progress) -> list[Message]:
        """Writes the target, which is there whole or not at all; returns notes on it.

        Raises:
            ModelFileError: the models do not go together, are damaged, or it cannot be written.
            Cancelled: `cancel` was called.
        """
        target = Path(self._job.target)
        _refuse_existing(target)
        # Hidden, so that the library does not offer a folder that is still written.
        part = part_of(target.with_name(f".{target.name}"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _clear(part)
            notes = self._result(self._job.model_copy(update={"target": str(part)}), progress)
            if part.is_file():
                read_header(part)
            with self._lock:
                if self._cancelled:
                    raise Cancelled
            _refuse_existing(target)  # somebody else may have made it meanwhile
            part.replace(target)
        except OSError as error:
            values = {"file": str(target), "reason": error.strerror or str(error)}
            raise ModelFileError("error.convert_unwritten", **values) from error
        finally:
            _clear(part)
        return notes

    def cancel(self) -> None:
        """Ends it; nothing of the result is left."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                self._process.kill()

    def _result(self, job: MergeJob, progress: Progress) -> list[Message]:
        last: dict[str, Any] = {}
        with self._start() as process:
            assert process.stdin is not None  # both are pipes
            assert process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(job.model_dump_json())
                process.stdin.close()
            try:
                for line in process.stdout:
                    last = _row(line)
                    if "done" in last:
                        progress(last["done"], last["total"])
            except BaseException:  # Ctrl+C above all: it must not outlive us
                process.kill()
                raise
        with self._lock:
            self._process = None
            if self._cancelled:
                raise Cancelled
        if "error" in last:
            message = Message.from_json(last["error"])
            raise ModelFileError(message.key, field=message.field, **dict(message.values))
        if "notes" not in last:
            raise ModelFileError("error.merge_died", code=process.returncode)
        return [Message.from_json(note) for note in last["notes"]]

    def _start(self) -> subprocess.Popen[str]:
        with self._lock:
            if self._cancelled:
                raise Cancelled
            self._process = subprocess.Popen(
                COMMAND,
                cwd=Path(webui.__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                # Ctrl+C in the terminal is for us, who end it in order.
                start_new_session=sys.platform != "win32",
            )
            return self._process


class MergeService:
    """The merge that a page asked for. Safe to use from several threads."""

    def __init__(self, library: ModelLibrary) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._merge: MergeProcess | None = None
        self._thread: threading.Thread | None = None
        self._view: dict[str, Any] = {"state": "idle"}

    def start(self, order: MergeOrder) -> dict[str, Any]:
        """Begins a merge and returns its view.

        Raises:
            InvalidRequest: the order is incomplete, or another merge is running.
            ModelFileError: a model is not there, or the name is taken.
        """
        job = job_of(order, self._library)
        _refuse_existing(Path(job.target))
        with self._lock:
            if self._merge is not None:
                raise InvalidRequest(Message("error.merge_busy"))
            merge = self._merge = MergeProcess(job)
            self._view = {"state": "running", "name": order.name, "done": 0, "total": 0}
            self._thread = threading.Thread(
                target=self._run, args=(merge, job), name="merge", daemon=True
            )
            self._thread.start()
        return self.view()

    def view(self) -> dict[str, Any]:
        """How far the running merge is, or how the last one ended. Messages have no text yet."""
        with self._lock:
            return dict(self._view)

    def cancel(self) -> None:
        """Ends the running merge, if there is one."""
        with self._lock:
            merge = self._merge
        if merge is not None:
            merge.cancel()

    def close(self) -> None:
        """Ends the running merge and waits until it is cleared away."""
        self.cancel()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self, merge: MergeProcess, job: MergeJob) -> None:
        try:
            notes = merge.run(lambda done, total: self._say(done=done, total=total))
            self._library.refresh()
            said: dict[str, Any] = {
                "state": "done", "path": job.target, "notes": [note.to_json() for note in notes],
            }  # fmt: skip
        except Cancelled:
            said = {"state": "cancelled"}
        except InkstoneError as error:
            said = {"state": "failed", "message": error.message.to_json()}
        with self._lock:
            self._view |= said
            self._merge = None

    def _say(self, **values: int) -> None:
        with self._lock:
            self._view |= values


def job_of(
    order: MergeOrder,
    library: ModelLibrary,
    *,
    paths: Mapping[str, Path] | None = None,
    target: Path | None = None,
) -> MergeJob:
    """The order with the places of its models.

    paths: models that are no matter of the library, by the names that the order has for them.
    target: the file or folder to write instead of one in the folder of checkpoints.

    Raises:
        InvalidRequest: the order is incomplete.
        ModelFileError: a model is not there.
    """
    check_order(order)
    known = paths or {}
    models = tuple(
        _at(known[name]) if name in known else _checkpoint(name, library, field)
        for field, name in order.roles
    )
    vae = None
    if order.vae:
        vae = _at(known[order.vae]) if order.vae in known else _vae(order.vae, library)
    suffix = SUFFIX if models[0].kind == "file" else ""
    name = order.name.removesuffix(suffix) + suffix
    return MergeJob(
        order=order,
        models=models,
        vae=vae,
        target=str(target or library.models_dir / FOLDER / name),
    )


def _at(path: Path) -> MergeSource:
    whole = path.expanduser().absolute()
    return MergeSource(name=path.stem, path=str(whole), kind="folder" if path.is_dir() else "file")


def _checkpoint(name: str, library: ModelLibrary, field: str) -> MergeSource:
    known = library.offered().known("checkpoints", name)
    entry = library.entry(known or name, field)
    return MergeSource(name=entry.name, path=str(entry.path), kind=entry.kind, root=entry.root)


def _vae(name: str, library: ModelLibrary) -> MergeSource:
    known = library.offered().known("vaes", name)
    entry = library.shelf().vaes.get(known or name)
    if entry is None:
        raise ModelFileError("error.model_gone", field="vae", name=name)
    return MergeSource(name=entry.name, path=str(entry.path), kind=entry.kind)


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _clear(part: Path) -> None:
    with contextlib.suppress(OSError):
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise ModelFileError("error.convert_exists", field="name", file=str(target))
