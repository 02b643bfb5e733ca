"""Every tensor of the full-width families has its name in the file, as diffusers has it too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from torch import Tensor, nn

from tests.tiny_checkpoints import UNETS, ldm_state, modules, origins
from webui.core.model_files.entries import Tensor as Entry
from webui.core.model_files.header import Header
from webui.engine.families import FAMILIES
from webui.engine.single_file import unet_names, vae_names
from webui.engine.single_file.build import build_text_encoder, build_unet, build_vae
from webui.engine.single_file.contents import PartFile
from webui.engine.single_file.load import load_tokenizers

TENSORS = {
    "sd1": [686, 248, 196],
    "sd2": [686, 248, 372],
    "sdxl": [1680, 248, 196, 517],
    "sdxl_refiner": [1220, 248, 517],
}
"""How many each part has in its published diffusers folder."""


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def full(request: pytest.FixtureRequest) -> tuple[str, dict[str, nn.Module], dict[str, Tensor]]:
    """A family, its full-width parts on the meta device, and their tensors as a file has them."""
    parts = modules(request.param, narrow=False)
    with torch.device("meta"):
        return request.param, parts, ldm_state(parts)


def by_diffusers(prefix: str, module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    if prefix == unet_names.PREFIX:
        return convert_ldm_unet_checkpoint(dict(state), module.config)
    if prefix == vae_names.PREFIX:
        return convert_ldm_vae_checkpoint(dict(state), module.config)
    if prefix.endswith(".model."):
        return convert_open_clip_checkpoint(module, dict(state), prefix)
    found = convert_ldm_clip_checkpoint({k: v for k, v in state.items() if k.startswith(prefix)})
    return {name: tensor for name, tensor in found.items() if "position_ids" not in name}


def shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name.removeprefix("text_model."): tuple(t.shape) for name, t in state.items()}


def test_diffusers_reads_our_names_as_the_modules_own(
    full: tuple[str, dict[str, nn.Module], dict[str, Tensor]],
) -> None:
    family, parts, state = full
    assert [len(module.state_dict()) for module in parts.values()] == TENSORS[family]
    for prefix, module in parts.items():
        theirs = shapes(by_diffusers(prefix, module, state))
        assert theirs == shapes(module.state_dict())


def test_no_two_tensors_come_from_the_same_place(
    full: tuple[str, dict[str, nn.Module], dict[str, Tensor]],
) -> None:
    _, parts, _ = full
    for prefix, module in parts.items():
        places = list(origins(prefix, module).values())
        assert len(set(places)) == len(places) == len(module.state_dict())


def test_the_shapes_of_a_file_give_the_published_configuration(
    full: tuple[str, dict[str, nn.Module], dict[str, Tensor]],
) -> None:
    name, parts, state = full
    family = FAMILIES[name]

    def part(prefix: str) -> PartFile:
        held = {n: Entry("F16", tuple(t.shape), 0, 0) for n, t in state.items()}
        header = Header(Path("file"), held, {}, 0, 0)
        usual = {n.removeprefix(prefix): n for n in held if n.startswith(prefix)}
        return PartFile("part", "file", dict.fromkeys(held, header), usual.get)

    unet = build_unet(family, part(unet_names.PREFIX))
    ours = [unet, build_vae(family, part(vae_names.PREFIX))]
    for plan, tokenizer in zip(family.texts, load_tokenizers(family), strict=True):
        ours.append(build_text_encoder(plan, part(plan.prefix), tokenizer))
    for mine, published in zip(ours, parts.values(), strict=True):
        assert shapes(mine.state_dict()) == shapes(published.state_dict())
        assert type(mine) is type(published)
    heads = {n: m.heads for n, m in unet.named_modules() if hasattr(m, "heads")}
    theirs = parts[unet_names.PREFIX].named_modules()
    assert heads == {n: m.heads for n, m in theirs if hasattr(m, "heads")}
    for setting, value in UNETS[name].items():
        if setting in ("use_linear_projection", "addition_embed_type", "addition_time_embed_dim"):
            assert unet.config[setting] == value
