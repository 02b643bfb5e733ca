"""LoRAs by method, rank and family; upscalers by architecture and scale."""

from __future__ import annotations

import pytest

from tests.model_writers import SD1, SD2, SDXL, Shapes, Unet, kohya_lora, under


@pytest.mark.parametrize(("unet", "family"), [(SD1, "sd1"), (SD2, "sd2"), (SDXL, "sdxl")])
def test_loras_by_shapes(look, unet: Unet, family: str) -> None:
    found = look(kohya_lora(unet, rank=24))
    assert (found.kind, found.layout, found.family) == ("lora", "kohya", family)
    assert (found.adapter.method, found.adapter.rank) == ("lora", 24)
    assert (found.adapter.unet, found.adapter.text_encoder) == (True, False)


K = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
PEFT = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"


@pytest.mark.parametrize(
    ("shapes", "method", "rank", "family"),
    [
        ({f"{K}.hada_w1_a": (320, 8), f"{K}.hada_w1_b": (8, 768)}, "loha", 8, "sd1"),
        (
            {f"{K}.lokr_w1": (4, 4), f"{K}.lokr_w2_a": (80, 6), f"{K}.lokr_w2_b": (6, 192)},
            "lokr",
            6,
            "",
        ),
        ({f"{K}.diff": (320, 1024)}, "full", 0, "sd2"),
        ({f"{K}.a1.weight": (8, 768), f"{K}.a2.weight": (8, 8)}, "glora", 8, ""),
        ({f"{K}.oft_blocks": (4, 80, 80)}, "oft", 0, ""),
        ({f"{K}.weight": (320,), f"{K}.on_input": ()}, "ia3", 0, ""),
        (
            {f"{PEFT}.lora_A.weight": (32, 2048), f"{PEFT}.lora_B.weight": (640, 32)},
            "lora",
            32,
            "sdxl",
        ),
        (
            {f"{PEFT}.lora.down.weight": (4, 2048), f"{PEFT}.lora.up.weight": (640, 4)},
            "lora",
            4,
            "sdxl",
        ),
        (
            {"down_blocks.0.attn2.processor.to_k_lora.down.weight": (4, 768)},
            "lora",
            4,
            "sd1",
        ),
        (
            {"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 1280)},
            "lora",
            4,
            "sdxl",
        ),
        (
            {"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 768)},
            "lora",
            4,
            "sd1",
        ),
        ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (4, 3072)}, "lora", 4, "flux"),
    ],
)
def test_loras_by_method(look, shapes: Shapes, method: str, rank: int, family: str) -> None:
    found = look(shapes)
    assert (found.kind, found.adapter.method, found.adapter.rank) == ("lora", method, rank)
    assert found.families == ((family,) if family else ())


def test_the_metadata_tell_a_loras_family_where_shapes_do_not(look) -> None:
    shapes = {f"{K}.lokr_w1": (4, 4), f"{K}.dora_scale": (1, 320)}
    found = look(shapes, {"ss_base_model_version": "sdxl_base_v1-0"})
    assert (found.family, found.adapter.dora) == ("sdxl", True)


@pytest.mark.parametrize(
    ("shapes", "architecture", "scale"),
    [
        (
            {
                **{f"model.{n}.weight": (64, 64, 3, 3) for n in (3, 6, 8, 10)},
                "model.0.weight": (64, 3, 3, 3),
                "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3),
                "model.1.sub.23.weight": (64, 64, 3, 3),
            },
            "ESRGAN",
            4,
        ),
        (
            {
                "conv_first.weight": (64, 12, 3, 3),
                "body.0.rdb1.conv1.weight": (32, 64, 3, 3),
                "conv_up1.weight": (64, 64, 3, 3),
                "conv_up2.weight": (64, 64, 3, 3),
            },
            "ESRGAN",
            2,
        ),
        (
            {f"body.{n}.weight": (64,) for n in range(34)} | {"body.34.weight": (48, 64, 3, 3)},
            "Compact",
            4,
        ),
        (
            {
                "conv_first.weight": (180, 3, 3, 3),
                "layers.0.residual_group.blocks.0.norm1.weight": (180,),
                "upsample.0.weight": (256, 64, 3, 3),
                "upsample.2.weight": (256, 64, 3, 3),
            },
            "SwinIR",
            4,
        ),
        (
            {
                "conv_first.weight": (60, 3, 3, 3),
                "before_RG.1.weight": (60,),
                "layers.0.blocks.0.norm1.weight": (60,),
                "upsample.0.weight": (12, 60, 3, 3),
            },
            "DAT",
            2,
        ),
        (
            {
                "conv_1.sk.weight": (48, 3, 1, 1),
                "block_1.c1_r.sk.weight": (48, 48, 1, 1),
                "upsampler.0.weight": (48, 48, 3, 3),
            },
            "SPAN",
            4,
        ),
        (
            {
                "feats.0.weight": (64, 3, 3, 3),
                "feats.1.refine.weight": (64, 64, 1, 1),
                "feats.30.weight": (48, 64, 3, 3),
            },
            "RealPLKSR",
            4,
        ),
    ],
)
def test_upscalers(look, shapes: Shapes, architecture: str, scale: int) -> None:
    found = look(under("params_ema.", shapes))
    assert (found.kind, found.upscaler.architecture, found.upscaler.scale) == (
        "upscaler",
        architecture,
        scale,
    )
