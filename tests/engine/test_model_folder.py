"""Folders in diffusers' layout, as diffusers and transformers save them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.tiny_checkpoints import TEXTS, build_text, build_unet, build_vae, fill
from tests.tiny_models import write_scheduler
from webui.core.errors import ModelFileError
from webui.engine.device import cpu_device
from webui.engine.model_folder import load_folder, load_vae_folder
from webui.engine.model_levels import model_sigmas


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.nn.Module]]:
    """An SDXL folder without tokenizers, its UNet in several files."""
    path = tmp_path_factory.mktemp("folder") / "sdxl"
    names = ("text_encoder", "text_encoder_2")
    with torch.device("meta"):
        parts = {"unet": build_unet("sdxl"), "vae": build_vae("sdxl")}
        texts = zip(names, TEXTS["sdxl"].values(), strict=True)
        parts |= {name: build_text(settings) for name, settings in texts}
    for name, module in parts.items():
        size = "40MB" if name == "unet" else "1GB"
        fill(module).half().save_pretrained(path / name, max_shard_size=size)
    write_scheduler(path / "scheduler", "v_prediction")
    return path, parts


def test_every_tensor_arrives(sdxl: tuple[Path, dict[str, torch.nn.Module]]) -> None:
    path, written = sdxl
    assert (path / "unet" / "diffusion_pytorch_model.safetensors.index.json").is_file()
    told: list[tuple[int, int]] = []
    parts = load_folder(path, cpu_device(), progress=lambda *at: told.append(at))
    loaded = (parts.unet, parts.vae, *parts.text_encoders)
    for original, module in zip(written.values(), loaded, strict=True):
        assert type(module) is type(original)
        state = module.state_dict()
        for name, tensor in original.state_dict().items():
            assert torch.equal(state[name], tensor.float()), name
    assert (parts.family.name, parts.variant, parts.unknown) == ("sdxl", "base", ())
    assert parts.prediction_type == "v_prediction"
    assert [tokenizer.pad for tokenizer in parts.tokenizers] == [49407, 0]
    assert len(model_sigmas(parts.scheduler)) == 1000
    assert told[-1][0] == told[-1][1]


def test_the_tiny_model_has_the_parts_of_sd1(tiny_folder: Path) -> None:
    parts = load_folder(tiny_folder, cpu_device())
    assert (parts.family.name, len(parts.text_encoders)) == ("sd1", 1)
    assert load_vae_folder(tiny_folder, cpu_device()).config["scaling_factor"] == 0.18215


def test_a_faulty_folder_is_refused_by_name(tiny_folder: Path, tmp_path: Path) -> None:
    unet = tmp_path / "unet"
    for folder in ("scheduler", "unet"):
        (tmp_path / folder).mkdir()
    settings = (tiny_folder / "scheduler" / "scheduler_config.json").read_text("utf-8")
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(settings, "utf-8")
    config = json.loads((tiny_folder / "unet" / "config.json").read_text("utf-8"))
    for change, key in (
        ({"addition_embed_type": "image"}, "error.model_unsupported"),
        ({"in_channels": 7}, "error.model_unsupported"),
        ({"block_out_channels": "wide"}, "error.model_corrupt"),
        ({}, "error.model_missing"),
    ):
        (unet / "config.json").write_text(json.dumps({**config, **change}), "utf-8")
        with pytest.raises(ModelFileError) as caught:
            load_folder(tmp_path, cpu_device())
        assert caught.value.message.key == key
        assert str(unet) in str(caught.value)
