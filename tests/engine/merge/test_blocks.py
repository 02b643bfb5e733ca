"""The blocks that tensors belong to, in both ways of naming them."""

from __future__ import annotations

import pytest
import torch

from tests.tiny_checkpoints import UNETS, build_unet
from webui.core.merging import MergeOrder
from webui.engine.merge.blocks import weights_of
from webui.engine.single_file.unet_names import PREFIX, ema_name, unet_origins

BLOCKS = {"sd1": 25, "sd2": 25, "sdxl": 19, "sdxl_refiner": 25}


@pytest.mark.parametrize("family", UNETS)
def test_both_layouts_agree(family: str) -> None:
    with torch.device("meta"):
        state = build_unet(family).state_dict()
    origins = unet_origins(state, 2)
    text = ",".join(str(number / 64) for number in range(BLOCKS[family]))
    order = MergeOrder(name="x", primary="a", secondary="b", blocks=text, base_alpha=-1)
    stored = {name: PREFIX + origin.name for name, origin in origins.items()}
    in_file = weights_of(order, list(stored.values()), "file")
    in_folder = weights_of(order, list(state), "folder")
    weights = {name: in_folder(name) for name in state}
    assert weights == {name: in_file(stored[name]) for name in state}
    assert set(weights.values()) == {number / 64 for number in range(BLOCKS[family])}
    name = "mid_block.resnets.0.conv1.weight"
    assert in_file(ema_name(origins[name].name)) == weights[name] == BLOCKS[family] // 2 / 64
    assert in_file("first_stage_model.decoder.mid.block_1.conv1.weight") == -1
