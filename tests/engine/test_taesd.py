"""Previews by a TAESD, against diffusers' own."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles
from webui.core.model_files.recognise import recognise_file
from webui.engine.bundle import ModelBundle
from webui.engine.device import cpu_device
from webui.engine.models import Models
from webui.engine.preview import PreviewMap
from webui.engine.taesd import TinyDecoder, load_taesd


@pytest.fixture(scope="module")
def theirs() -> AutoencoderTiny:
    torch.manual_seed(0)
    return AutoencoderTiny().eval()


def plain(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names of TAESD's own files, which count from the clamp on."""
    found = {}
    for name, tensor in state.items():
        number, rest = name.removeprefix("layers.").split(".", 1)
        found[f"{int(number) + 1}.{rest}"] = tensor.contiguous()
    return found


@pytest.mark.parametrize("layout", ["diffusers", "plain"])
def test_it_decodes_as_diffusers_does(
    theirs: AutoencoderTiny, tiny: ModelBundle, tmp_path: Path, layout: str
) -> None:
    path = tmp_path / "taesd_decoder.safetensors"
    state = theirs.decoder.state_dict()
    save_file(theirs.state_dict() if layout == "diffusers" else plain(state), path)
    assert recognise_file(path).kind == "taesd"
    latent = torch.randn(4, 12, 20)
    with torch.inference_mode():
        wanted = theirs.decode(latent[None]).sample[0]
    decoder = load_taesd(path, tiny)
    assert torch.allclose(decoder.image(latent), wanted, atol=1e-4)
    large = Image.open(io.BytesIO(decoder.jpeg(torch.randn(4, 64, 40))))
    assert (large.format, large.size) == ("JPEG", (160, 256))


def test_a_file_of_another_kind_leaves_the_coarse_previews(
    theirs: AutoencoderTiny, tiny: ModelBundle, tiny_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "taesd_encoder.safetensors"
    save_file({"0.weight": torch.zeros(64, 3, 3, 3), "1.weight": torch.zeros(9)}, path)
    with pytest.raises(ModelFileError):
        load_taesd(path, tiny)
    model = Models(cpu_device()).load(ModelFiles("tiny", str(tiny_folder)))
    assert isinstance(model.preview(str(path)), PreviewMap)
    good = tmp_path / "taesd.safetensors"
    save_file(theirs.state_dict(), good)
    assert isinstance(model.preview(str(good)), TinyDecoder)
    assert isinstance(model.preview(), PreviewMap)
