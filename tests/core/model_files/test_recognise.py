"""What files are, by headers of real models at full width."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.model_writers import (
    REFINER,
    SD1,
    SD2,
    SDXL,
    Shapes,
    Unet,
    clip,
    inpainting,
    ldm_controlnet,
    ldm_unet,
    ldm_vae,
    open_clip,
    refiner_checkpoint,
    sd1_checkpoint,
    sd2_checkpoint,
    sdxl_checkpoint,
    under,
    write_model,
)
from webui.core.errors import ModelFileError
from webui.core.model_files.hints import prediction_of_sidecar
from webui.core.model_files.recognise import recognise_file
from webui.core.model_files.recognition import Prediction

LDM = "model.diffusion_model."
Metadata = dict[str, str]


@pytest.mark.parametrize(
    ("shapes", "family", "prediction"),
    [
        (sd1_checkpoint(), "sd1", Prediction("epsilon", "family")),
        (sd2_checkpoint(), "sd2", Prediction("v_prediction", "default")),
        (sdxl_checkpoint(), "sdxl", Prediction("epsilon", "family")),
        (refiner_checkpoint(), "sdxl_refiner", Prediction("epsilon", "family")),
    ],
    ids=["sd1", "sd2", "sdxl", "sdxl_refiner"],
)
def test_whole_checkpoints(look, shapes: Shapes, family: str, prediction: Prediction) -> None:
    found = look(shapes)
    assert (found.kind, found.layout, found.family, found.variant) == (
        "checkpoint",
        "ldm",
        family,
        "base",
    )
    assert found.prediction == prediction
    encoders = {"text_encoder"} | ({"text_encoder_2"} if family == "sdxl" else set())
    assert found.parts == {"unet", "vae", *encoders}
    assert found.supported


@pytest.mark.parametrize(
    ("unet", "channels", "variant"),
    [
        (SD1, 9, "inpaint"),
        (SD2, 9, "inpaint"),
        (SDXL, 9, "inpaint"),
        (SD1, 8, "ip2p"),
        (SDXL, 8, "ip2p"),
        (SD2, 5, "depth"),
    ],
)
def test_variants_by_what_goes_in(look, unet: Unet, channels: int, variant: str) -> None:
    found = look(under(LDM, ldm_unet(replace(unet, in_channels=channels))))
    plain = look(under(LDM, ldm_unet(unet)))
    assert (found.variant, found.families) == (variant, plain.families)
    assert found.supported
    # SD2's were made from the model that predicts epsilon.
    assert found.prediction.type == "epsilon"


def test_a_pruned_file_is_a_unet(look) -> None:
    found = look(under(LDM, ldm_unet(SD1)))
    assert (found.kind, found.parts) == ("unet", {"unet"})
    assert look(ldm_unet(SD1)).unet == found.unet


def test_the_form_of_a_unet(look) -> None:
    form = look(ldm_unet(REFINER)).unet
    assert form.channels == (384, 768, 1536, 1536)
    assert (form.depths, form.mid_depth, form.blocks) == ((0, 4, 4, 0), 4, 2)
    assert (form.context, form.vector, form.linear, form.uniform) == (1280, 2560, True, True)


def test_a_tiny_model_of_a_family_is_of_that_family(look) -> None:
    tiny = {"width": 16, "multiples": (1, 2), "blocks": 1}
    assert look(ldm_unet(replace(SD1, **tiny, depths=(1, 0), context=32))).family == "sd1"
    assert look(ldm_unet(replace(SD1, **tiny, depths=(0, 1), context=32))).family == "sd1"
    assert look(ldm_unet(replace(SDXL, **tiny, depths=(0, 1), context=48))).family == "sdxl"
    unknown = look(ldm_unet(replace(SDXL, **tiny, depths=(0, 1), vector=0)))
    assert (unknown.kind, unknown.families, unknown.supported) == ("unet", (), False)


@pytest.mark.parametrize(
    ("metadata", "extra", "prediction"),
    [
        ({"modelspec.prediction_type": "epsilon"}, {}, Prediction("epsilon", "metadata")),
        (
            {"modelspec.architecture": "stable-diffusion-v2-512"},
            {},
            Prediction("epsilon", "metadata"),
        ),
        (
            {"modelspec.architecture": "stable-diffusion-v2-768-v"},
            {},
            Prediction("v_prediction", "metadata"),
        ),
        ({}, {"v_pred": (0,)}, Prediction("v_prediction", "keys")),
        ({}, {"v_pred": (0,), "ztsnr": (0,)}, Prediction("v_prediction", "keys", zero_snr=True)),
    ],
)
def test_what_a_model_predicts_by_its_hints(
    look, metadata: Metadata, extra: Shapes, prediction: Prediction
) -> None:
    assert look(sd2_checkpoint() | extra, metadata).prediction == prediction


def test_a_prediction_that_we_do_not_know_is_not_supported(look) -> None:
    found = look(ldm_unet(SDXL) | {"edm_mean": (4,)})
    assert (found.family, found.prediction.type, found.supported) == ("sdxl", "edm", False)


def test_what_a_configuration_beside_the_file_says() -> None:
    said = 'model:\n  params:\n    parameterization: "v"\n'
    assert prediction_of_sidecar(said) == Prediction("v_prediction", "sidecar")
    assert prediction_of_sidecar("model:\n  # parameterization: v\n") is None


def test_ema_is_noticed_and_types_are_named(look) -> None:
    ema = {f"model_ema.{name.replace('.', '')}": shape for name, shape in ldm_unet(SD1).items()}
    assert "ema" in look(sd1_checkpoint() | ema).parts
    assert look(ldm_unet(SD1), dtype="F8_E4M3").dtypes == ("F8_E4M3",)


def test_the_type_of_most_bytes_comes_first(tmp_path: Path) -> None:
    shapes = {"cond_stage_model.a": (900,), **{f"b{n}": (10,) for n in range(20)}}
    path = write_model(tmp_path / "a", shapes, "F32", dtypes={"cond_stage_model.a": "BF16"})
    assert recognise_file(path).dtypes == ("BF16", "F32")


@pytest.mark.parametrize(
    ("name", "metadata", "extra", "kind", "basis"),
    [
        ("sd_xl_turbo_1.0_fp16", {}, {}, "turbo", "name"),
        ("model", {"modelspec.title": "Realistic Lightning 4 steps"}, {}, "lightning", "metadata"),
        ("model", {}, {"time_embed.cond_proj.weight": (320, 256)}, "lcm", "keys"),
    ],
)
def test_distillations(
    look, name: str, metadata: Metadata, extra: Shapes, kind: str, basis: str
) -> None:
    distilled = look(ldm_unet(SDXL) | extra, metadata, name=name).distilled
    assert (distilled.kind, distilled.basis) == (kind, basis)


def test_a_name_that_only_holds_such_a_word_tells_nothing(look) -> None:
    assert look(ldm_unet(SD1), name="enlightningment-turbocharged").distilled is None


@pytest.mark.parametrize(
    ("shapes", "kind", "families", "version"),
    [
        (ldm_vae(), "vae", ("sd1", "sd2", "sdxl", "sdxl_refiner"), ""),
        (under("first_stage_model.", ldm_vae(16)), "vae", ("sd3", "flux"), ""),
        ({"1.weight": (64, 4, 3, 3), "3.conv.0.weight": (64, 64, 3, 3)}, "taesd", None, "decoder"),
        (
            {
                "0.weight": (64, 3, 3, 3),
                "1.conv.0.weight": (64, 64, 3, 3),
                "14.weight": (4, 64, 3, 3),
            },
            "taesd",
            None,
            "encoder",
        ),
        (
            {"encoder.layers.0.weight": (64, 3, 3, 3), "decoder.layers.0.weight": (64, 4, 3, 3)},
            "taesd",
            None,
            "",
        ),
        (under("text_model.", clip(768, 12)), "text_encoder", ("sd1", "sdxl"), "clip_l"),
        (clip(1280, 32), "text_encoder", ("sdxl", "sdxl_refiner"), "clip_g"),
        (open_clip(1024, 24), "text_encoder", ("sd2",), "clip_h"),
        ({"emb_params": (4, 768)}, "embedding", ("sd1",), ""),
        ({"<cat>": (1024,)}, "embedding", ("sd2",), ""),
        ({"clip_g": (8, 1280), "clip_l": (8, 768)}, "embedding", ("sdxl",), ""),
        (ldm_controlnet(SD1), "controlnet", ("sd1",), ""),
        (under("control_model.", ldm_controlnet(SD2)), "controlnet", ("sd2",), ""),
        ({"ip_adapter.1.to_k_ip.weight": (640, 2048)}, "ip_adapter", ("sdxl",), ""),
        ({"768.0.linear.0.weight": (1536, 768)}, "hypernetwork", (), ""),
        ({"w": (3, 3)}, "unknown", (), ""),
        ({}, "unknown", (), ""),
    ],
)
def test_other_files_are_told_apart(
    look, shapes: Shapes, kind: str, families: tuple[str, ...] | None, version: str
) -> None:
    found = look(shapes)
    families = ("sd1", "sd2", "sdxl", "sdxl_refiner") if families is None else families
    assert (found.kind, found.families, found.version) == (kind, families, version)


def test_a_vae_of_sdxl_is_told_by_its_metadata_or_name(look) -> None:
    xl = ("sdxl", "sdxl_refiner")
    assert look(ldm_vae(), name="sdxl_vae").families == xl
    assert look(ldm_vae(), {"modelspec.architecture": "stable-diffusion-xl-v1-base"}).families == xl
    assert look(ldm_vae(), {"modelspec.architecture": "stable-diffusion-v1"}).families == (
        "sd1",
        "sd2",
    )
    assert len(look(ldm_vae(), name="excellent").families) == 4


def test_the_vectors_of_embeddings(look) -> None:
    both = look({"clip_g": (8, 1280), "clip_l": (8, 768)}).embedding
    assert (both.vectors, both.widths) == (8, (768, 1280))
    assert look({"<cat>": (768,)}).embedding.vectors == 1


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        ({"double_blocks.0.img_attn.norm.key_norm.scale": (128,)}, "flux"),
        ({LDM + "joint_blocks.0.context_block.adaLN_modulation.1.weight": (9216, 1536)}, "sd3"),
        (ldm_unet(inpainting(SD1)) | {"input_blocks.1.1.time_stack.0.norm1.weight": (320,)}, "svd"),
    ],
)
def test_models_of_other_projects_are_named_and_not_supported(
    look, shapes: Shapes, family: str
) -> None:
    found = look(shapes)
    assert (found.kind, found.family, found.supported) == ("checkpoint", family, False)


def test_a_pickle_under_the_name_of_a_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(ModelFileError, match="model_pickle"):
        recognise_file(path)
