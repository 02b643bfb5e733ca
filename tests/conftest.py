"""What all tests share: one thread for torch, a Chromium, the repository's folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from webui.commands.browsers import FLAGS, installed_chromium

# Before torch is imported anywhere: several threads on a busy machine wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# No test may reach the network, and no library may report to its maker.
os.environ.update(HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False", DO_NOT_TRACK="1")

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Keeps torch to one thread also where it reads no environment."""
    try:
        import torch
    except ImportError:  # the tests of core and of the launcher run without it
        return
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what this machine cannot run, and says why."""
    if not any(item.get_closest_marker("gpu") for item in items):
        return
    import torch

    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of this repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def starter_models(repository: Path) -> Path:
    """The models folder as it is shipped, with the starter model in it."""
    return repository / "models"


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium to drive: INKSTONE_CHROMIUM, else a known name on PATH, else playwright's."""
    path = installed_chromium() or _playwright_chromium()
    if not path:
        pytest.fail("no Chromium: `python3 app.py test` installs one or says how")
    return path


def _playwright_chromium() -> str:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else ""


@pytest.fixture(scope="session")
def chromium_flags() -> list[str]:
    """Flags for a Chromium that stays silent and needs no display, sandbox or GPU."""
    return list(FLAGS)
