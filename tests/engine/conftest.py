"""A tiny real model, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.tiny_models import build_tiny_model
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.device import cpu_device


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """Tests that draw inputs draw the same ones in every run."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers folder of random weights that predicts epsilon. Tests must not change it."""
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_v_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with other weights, predicting v."""
    folder = tmp_path_factory.mktemp("models") / "tiny-v"
    return build_tiny_model(folder, seed=1, prediction_type="v_prediction")


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> ModelBundle:
    """The loaded epsilon model."""
    return load_bundle(tiny_folder, cpu_device())


@pytest.fixture(scope="session")
def tiny_v(tiny_v_folder: Path) -> ModelBundle:
    """The loaded v model."""
    return load_bundle(tiny_v_folder, cpu_device())


@pytest.fixture(scope="session")
def starter(starter_models: Path) -> ModelBundle:
    """The loaded model that is shipped."""
    return load_bundle(starter_models / "starter", cpu_device())
