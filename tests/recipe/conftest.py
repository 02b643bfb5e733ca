"""The recipe at its smallest: eight icons, 64 pixels, a few steps on one thread."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

RECIPE = Path(__file__).resolve().parents[2] / "models" / "starter"
FIXTURES = Path(__file__).with_name("fixtures")
sys.path.insert(0, str(RECIPE))

from recipe import stages  # noqa: E402 - the recipe is no installed package
from recipe.loop import Deadline, Trainer  # noqa: E402
from recipe.profiles import PROFILES  # noqa: E402
from recipe.render import Icons, read_pack  # noqa: E402
from recipe.workshop import Workshop  # noqa: E402


@pytest.fixture(autouse=True)
def _same_numbers() -> Iterator[None]:
    """Every test draws the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def icons() -> Icons:
    """Eight subjects in three styles, 64 pixels across."""
    return read_pack(FIXTURES / "icons.zip", 64, styles=("3d", "flat", "pixel"))


def make_workshop(folder: Path, *, minutes: float | None = None, workers: int = 1) -> Workshop:
    """A workshop of the tiny profile that says nothing."""
    return Workshop(
        folder=folder,
        profile=replace(PROFILES["tiny"], workers=workers),
        device=torch.device("cpu"),
        deadline=Deadline(minutes),
        workers=workers,
        compiled=False,
        start=None,
        watch=_silent,
        checkpointed=_silent,
        data=FIXTURES / "icons.zip",
    )


def _silent(*_: object) -> None:
    """Nobody is told."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Every stage of the tiny profile, run once."""
    shop = make_workshop(tmp_path_factory.mktemp("recipe"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stages.train_tokenizer(shop)
        assert stages.train_vae(shop)
        assert stages.train_decoder(shop)
        assert stages.train_text(shop)
        stages.encode_pool(shop)
        assert stages.train_unet(shop)
    return shop


def weights_of(trainer: Trainer) -> list[torch.Tensor]:
    """Copies of all weights that a trainer trains."""
    return [weight.detach().clone() for weight in trainer.task.modules.parameters()]
