"""Folders in diffusers' layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.model_writers import Shapes, write_model
from tests.tiny_models import build_tiny_model
from webui.core.errors import ModelFileError
from webui.core.model_files.folders import part_weights, recognise_folder
from webui.core.model_files.header import read_header
from webui.core.model_files.recognition import Prediction


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def test_a_folder_is_a_checkpoint_of_its_unets_family(folder: Path) -> None:
    found = recognise_folder(folder)
    assert (found.kind, found.layout, found.family) == ("checkpoint", "diffusers", "sd1")
    assert found.parts == {"unet", "vae", "text_encoder"}
    assert found.prediction == Prediction("epsilon", "sidecar")
    assert found.unet.context == 32


def test_a_unet_in_several_files_is_the_same(folder: Path, tmp_path: Path) -> None:
    whole = part_weights(folder / "unet")
    tensors = read_header(whole).tensors
    halves: list[Shapes] = [{}, {}]
    for number, (name, tensor) in enumerate(tensors.items()):
        halves[number % 2][name] = tensor.shape
    weight_map = {}
    for number, half in enumerate(halves):
        file = f"diffusion_pytorch_model-{number}-of-2.safetensors"
        write_model(tmp_path / "unet" / file, half, "F32")
        weight_map |= dict.fromkeys(half, file)
    write_index(tmp_path, weight_map)
    assert recognise_folder(tmp_path).unet == recognise_folder(folder).unet

    write_index(tmp_path, dict.fromkeys(tensors, "../unet/diffusion_pytorch_model.safetensors"))
    with pytest.raises(ModelFileError, match="index_name"):
        recognise_folder(tmp_path)


def write_index(folder: Path, weight_map: dict[str, Any]) -> None:
    index = folder / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}), encoding="utf-8")


def test_full_precision_comes_before_variants(tmp_path: Path) -> None:
    half = write_model(tmp_path / "model.fp16.safetensors", {"a": (1,)})
    assert part_weights(tmp_path) == half
    full = write_model(tmp_path / "model.safetensors", {"a": (1,)}, "F32")
    assert part_weights(tmp_path) == full


def test_a_folder_of_pickles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="model_missing"):
        recognise_folder(tmp_path)
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x02.")
    with pytest.raises(ModelFileError, match="model_pickle"):
        recognise_folder(tmp_path)
