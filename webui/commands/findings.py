"""What `doctor` looks at. Each function looks at one thing and returns a `Finding`.

The sentences are in the catalogues as "doctor.<name>.<state>"; every state but "ok" says the fix.
"""

from __future__ import annotations

import json
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import psutil
from packaging.requirements import Requirement

from webui.commands.browsers import installed_chromium
from webui.core.errors import InkstoneError
from webui.core.memory_levels import Budget, MemoryLevel, budget_of
from webui.services.models import ModelLibrary

GIGABYTE = 10**9
LEAST_MEMORY = 2 * GIGABYTE
LEAST_DISK = GIGABYTE
TORCH_PATIENCE = 120
"""Seconds that a torch on a slow disk may take to import."""


@dataclass(frozen=True)
class Finding:
    """What was found. "warn" means that it works with a limit, "fail" that it does not work."""

    name: str
    state: Literal["ok", "warn", "fail"]
    values: Mapping[str, Any] = field(default_factory=dict)


def python_version() -> Finding:
    """Whether this Python is one that the libraries support, and a 64-bit one."""
    supported = (3, 10) <= sys.version_info[:2] <= (3, 13) and sys.maxsize > 2**32
    values = {"found": platform.python_version(), "machine": platform.machine()}
    return Finding("python", "ok" if supported else "fail", values)


def virtual_environment() -> Finding:
    """Whether this runs in an environment of its own."""
    own = sys.prefix != sys.base_prefix
    return Finding("venv", "ok" if own else "warn", {"folder": sys.prefix})


def package_versions(constraints: Path) -> Finding:
    """Whether the installed libraries have the versions that were tested."""
    others = []
    count = 0
    for line in constraints.read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:  # of another system, or of an extra that is not installed
            continue
        count += 1
        if not wanted.specifier.contains(found, prereleases=True):
            others.append(f"{wanted.name} {found} ({wanted.specifier})")
    values = {"count": count, "others": ", ".join(others)}
    return Finding("packages", "warn" if others else "ok", values)


def torch_device(level: MemoryLevel = "auto") -> Finding:
    """What torch draws on. Asked in a process of its own: a broken torch may end its process."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "webui.commands.probe"],
            capture_output=True,
            text=True,
            timeout=TORCH_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding("torch", "fail", {"reason": f"> {TORCH_PATIENCE} s"})
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return Finding("torch", "fail", {"reason": words[-1]})
    found = json.loads(done.stdout.splitlines()[-1])
    values = {
        **found,
        "memory": f"{found['memory_total'] / GIGABYTE:.1f}",
        "level": level,
        "planned": planned(budget_of(level, found["memory_total"])),
    }
    idle_card = found["kind"] == "cpu" and shutil.which("nvidia-smi") is not None
    return Finding("torch", "warn" if idle_card else "ok", values)


def planned(budget: Budget) -> str:
    """With how many gigabytes the engine plans."""
    return "∞" if budget.gigabytes is None else f"{budget.gigabytes:.3g}"


def memory() -> Finding:
    """Whether a model fits into what is free of this computer's memory."""
    found = psutil.virtual_memory()
    values = {
        "free": f"{found.available / GIGABYTE:.1f}",
        "total": f"{found.total / GIGABYTE:.1f}",
        "needed": LEAST_MEMORY // GIGABYTE,
    }
    return Finding("memory", "ok" if found.available >= LEAST_MEMORY else "warn", values)


def disk(data_dir: Path) -> Finding:
    """Whether there is room for pictures."""
    free = shutil.disk_usage(_existing(data_dir)).free
    values = {"free": f"{free / GIGABYTE:.1f}", "folder": str(data_dir)}
    return Finding("disk", "ok" if free >= LEAST_DISK else "warn", values)


def models(models_dir: Path, folders: Sequence[Path] = ()) -> Finding:
    """Which checkpoints can be chosen, and whether the further folders are there."""
    where = ", ".join(map(str, (models_dir, *folders)))
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    try:
        names = ModelLibrary(models_dir, folders).names()
    except (InkstoneError, OSError) as error:
        return Finding("models", "fail", {"folder": where, "reason": str(error)})
    values = {"folder": where, "count": len(names), "names": ", ".join(names[:5])}
    if names and missing:
        return Finding("models", "warn", {**values, "missing": ", ".join(missing)})
    return Finding("models", "ok" if names else "fail", {**values, "reason": ""})


def data_folder(data_dir: Path) -> Finding:
    """Whether pictures and settings can be written."""
    try:
        with tempfile.TemporaryFile(dir=_existing(data_dir)) as file:
            file.write(b"\0")
    except OSError as error:
        return Finding("data", "fail", {"folder": str(data_dir), "reason": error.strerror})
    return Finding("data", "ok", {"folder": str(data_dir)})


def port_free(host: str, port: int) -> Finding:
    """Whether the server could listen on its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    values = {"host": host, "port": port}
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if sys.platform != "win32":  # there the flag lets two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            return Finding("port", "fail", {**values, "reason": error.strerror or str(error)})
    return Finding("port", "ok", values)


def browser() -> Finding:
    """Whether a browser can be opened on this computer."""
    try:
        found = webbrowser.get().__class__.__name__
    except webbrowser.Error:
        found = installed_chromium()
    return Finding("browser", "ok" if found else "warn", {"found": found})


def _existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists: there it would be made."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
