"""Finds the Chromium that the browser tests and the benchmark drive."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""A Chromium that stays silent and needs neither display nor GPU. Without sandbox, as containers
rarely allow one: it only ever opens our own pages."""


def installed_chromium() -> str:
    """The path of a Chromium: INKSTONE_CHROMIUM, or a known name on PATH, else ""."""
    named = os.environ.get("INKSTONE_CHROMIUM", "")
    if named and Path(named).exists():
        return named
    return next((path for path in map(shutil.which, NAMES) if path), "")
