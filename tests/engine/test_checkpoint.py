"""Model folders, whole and damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle, load_model
from webui.engine.device import cpu_device

UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"
WEIGHTS = (UNET, VAE, TEXT)
SETTINGS = (
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "scheduler/scheduler_config.json",
    "tokenizer/vocab.json",
)


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def refused(folder: Path) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        load_bundle(folder, cpu_device())
    return caught.value


def named(error: ModelFileError) -> str:
    return Path(error.message.values["file"]).as_posix()


def assert_close(got: torch.Tensor, wanted: torch.Tensor) -> None:
    assert float((got - wanted).abs().max() / wanted.abs().max()) < 1e-4


def edit_weights(path: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> str:
    tensors = load_file(path)
    name = sorted(tensors)[0]
    change(tensors)
    save_file(tensors, path)
    return name


def edit_settings(path: Path, **changes: object) -> None:
    settings = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**settings, **changes}), encoding="utf-8")


def test_the_bundle_says_what_the_folder_says(tiny: ModelBundle, tiny_v: ModelBundle) -> None:
    assert (tiny.name, tiny_v.name) == ("tiny", "tiny-v")
    assert (tiny.prediction_type, tiny_v.prediction_type) == ("epsilon", "v_prediction")
    assert tiny.sigmas.shape == (1000,)
    assert tiny.latent_channels == 4
    assert tiny.latent_scale == pytest.approx(0.18215)
    assert tiny.vae_factor == 8
    assert tiny.text_layers == 3


def test_modules_compute_what_diffusers_computes(tiny: ModelBundle, tiny_folder: Path) -> None:
    unet = UNet2DConditionModel.from_pretrained(tiny_folder / "unet", local_files_only=True)
    vae = AutoencoderKL.from_pretrained(tiny_folder / "vae", local_files_only=True)
    latents, context = torch.randn(2, 4, 8, 16), torch.randn(2, 77, 32)
    time = torch.tensor([3.0, 900.0])
    with torch.inference_mode():
        got, wanted = tiny.unet(latents, time, context), unet(latents, time, context)
        assert_close(got.sample, wanted.sample)
        got, wanted = tiny.vae.decode(latents), vae.decode(latents)
        assert_close(got.sample, wanted.sample)


def test_half_precision_files_are_read(folder: Path) -> None:
    for name in WEIGHTS:
        path = folder / name
        half = {key: value.half() for key, value in load_file(path).items()}
        save_file(half, path.with_suffix(".fp16.safetensors"))
        path.unlink()
    bundle = load_bundle(folder, cpu_device())
    assert bundle.unet.dtype == bundle.vae.dtype == bundle.texts[0].encoder.dtype == torch.float32


def test_older_names_of_weights_are_read(folder: Path) -> None:
    path = folder / TEXT
    save_file({f"text_model.{key}": value for key, value in load_file(path).items()}, path)
    load_bundle(folder, cpu_device())


def test_vaes_with_attention_saved_by_early_diffusers_are_read(folder: Path) -> None:
    vae = AutoencoderKL(
        block_out_channels=(4, 8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
    )
    shutil.rmtree(folder / "vae")
    vae.save_pretrained(folder / "vae")
    tensors = load_file(folder / VAE)
    assert any(".to_q." in name for name in tensors)
    for new, old in ((".to_q.", ".query."), (".to_k.", ".key."), (".to_v.", ".value.")):
        tensors = {name.replace(new, old): value for name, value in tensors.items()}
    tensors = {name.replace(".to_out.0.", ".proj_attn."): t for name, t in tensors.items()}
    save_file(tensors, folder / VAE)
    bundle = load_bundle(folder, cpu_device())
    latents = torch.randn(1, 4, 8, 8)
    with torch.inference_mode():
        wanted = vae.eval().decode(latents).sample
        assert_close(bundle.vae.decode(latents).sample, wanted)


@pytest.mark.parametrize("inside", ["", "vae"])
def test_another_vae_replaces_the_models_own(
    tiny_folder: Path, tiny_v_folder: Path, inside: str
) -> None:
    other = tiny_v_folder / inside
    bundle = load_bundle(tiny_folder, cpu_device(), vae_path=other)
    wanted = load_file(tiny_v_folder / VAE)["decoder.conv_in.weight"]
    assert torch.equal(bundle.vae.decoder.conv_in.weight, wanted)


@pytest.mark.parametrize("name", [*WEIGHTS, *SETTINGS])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert named(refused(folder)).endswith(name)


@pytest.mark.parametrize("name", [*WEIGHTS, *SETTINGS])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_named(folder: Path, name: str, part: float) -> None:
    path = folder / name
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert named(refused(folder)).endswith(name)


@pytest.mark.parametrize("name", [*WEIGHTS, *SETTINGS])
@pytest.mark.parametrize("content", [b"\x80\x04garbage" * 50, b"[1, 2]", b"\xff" * 100, b"null"])
def test_a_file_of_another_kind_is_named(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    assert named(refused(folder)).endswith(name)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    assert named(refused(tmp_path / "nothing")).startswith(tmp_path.as_posix())


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_pickle_is_never_opened(folder: Path, name: str) -> None:
    (folder / name).unlink()
    pickle = (folder / name).with_suffix(".bin")
    pickle.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    error = refused(folder)
    assert error.message.key == "error.model_pickle"
    assert named(error) == pickle.as_posix()


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_lacking_tensor_is_named(folder: Path, name: str) -> None:
    tensor = edit_weights(folder / name, lambda tensors: tensors.pop(sorted(tensors)[0]))
    error = refused(folder)
    assert error.message.key == "error.part_incomplete"
    assert tensor in error.message.values["tensors"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_tensor_of_another_shape_is_named(folder: Path, name: str) -> None:
    def widen(tensors: dict[str, torch.Tensor]) -> None:
        first = sorted(tensors)[0]
        tensors[first] = torch.zeros(*tensors[first].shape, 2)

    tensor = edit_weights(folder / name, widen)
    error = refused(folder)
    found = error.message.key, error.message.values["tensor"]
    assert found == ("error.part_shape_wanted", tensor)


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_tensor_that_is_not_finite_is_named(folder: Path, name: str, value: float) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors[sorted(tensors)[0]].view(-1)[0] = value

    tensor = edit_weights(folder / name, spoil)
    error = refused(folder)
    assert (error.message.key, error.message.values["tensor"]) == ("error.model_not_finite", tensor)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("unet/config.json", {"in_channels": 9}),
        ("unet/config.json", {"addition_embed_type": "text_time"}),
        ("unet/config.json", {"cross_attention_dim": 48}),
        ("unet/config.json", {"block_out_channels": []}),
        ("unet/config.json", {"down_block_types": ["Nonsense", "DownBlock2D"]}),
        ("vae/config.json", {"latent_channels": 16}),
        ("vae/config.json", {"up_block_types": "x"}),
        ("text_encoder/config.json", {"hidden_size": "wide"}),
        ("text_encoder/config.json", {"num_attention_heads": 5}),
        ("text_encoder/config.json", {"hidden_act": "nonsense"}),
        ("scheduler/scheduler_config.json", {"prediction_type": "sample"}),
        ("scheduler/scheduler_config.json", {"beta_schedule": "sigmoid"}),
        ("scheduler/scheduler_config.json", {"beta_end": None}),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    folder: Path, name: str, changes: dict[str, object]
) -> None:
    edit_settings(folder / name, **changes)
    assert Path(named(refused(folder))).parent.name == Path(name).parent.name


def test_keys_that_name_code_are_not_followed(folder: Path) -> None:
    for name in SETTINGS[:3]:
        edit_settings(
            folder / name,
            auto_map={"AutoModel": "someone/else--evil.Model"},
            attn_implementation="someone/kernel",
            _attn_implementation="someone/kernel",
            quantization_config={"quant_method": "evil"},
        )
    load_bundle(folder, cpu_device())


def test_a_model_and_a_vae_beside_it_are_read_in_one_row(
    tiny_folder: Path, tiny_v_folder: Path
) -> None:
    told: list[tuple[int, int]] = []
    vae = str(tiny_v_folder / "vae")
    files = ModelFiles("tiny", str(tiny_folder), vae)
    load_model(files, cpu_device(), progress=lambda *at: told.append(at))
    shares = [done / total for done, total in told]
    assert shares == sorted(shares)
    assert [share for share in shares if share >= 1] == [1.0]
    only = max(total for _, total in told)
    assert told[-1] == (told[-1][0], told[-1][0])
    assert only <= 1.1 * told[-1][1]
