"""Files of every family into their parts, and what is said of files that are not right."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file as load_state
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.engine.single_file.conftest import Written
from tests.engine.single_file.test_names import by_diffusers
from tests.tiny_checkpoints import write_checkpoint
from webui.core.errors import Cancelled, ModelFileError
from webui.core.model_files.header import read_header
from webui.engine.bundle import ModelBundle
from webui.engine.device import Device, cpu_device
from webui.engine.families import FAMILIES, SD1, SD2, SDXL
from webui.engine.model_levels import model_sigmas
from webui.engine.single_file import reading, unet_names, vae_names
from webui.engine.single_file.load import Parts, load_file, load_vae
from webui.engine.single_file.probe import predicts_velocity
from webui.engine.single_file.reading import Progress

FIRST = "model.diffusion_model.input_blocks.0.0.weight"
KEY = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight"


def load(path: Path, family: str = "sd1", *, ema: bool = False) -> Parts:
    return load_file(read_header(path), FAMILIES[family], half_cpu(), ema=ema)


def half_cpu() -> Device:
    """The processor holding half precision, as a file has it."""
    return dataclasses.replace(cpu_device(), dtype=torch.float16)


def modules_of(parts: Parts) -> list[nn.Module]:
    return [m for m in (parts.unet, parts.vae, *parts.text_encoders) if m is not None]


@pytest.fixture(scope="module")
def unet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SD1 UNet and nothing else."""
    path = tmp_path_factory.mktemp("unet") / "unet.safetensors"
    write_checkpoint(path, "sd1", vae=False, text=False)
    return path


@pytest.fixture(scope="module")
def vae_state(checkpoint: Callable[[str], Written]) -> dict[str, Tensor]:
    """The tensors of a VAE file: those of a checkpoint without their prefix."""
    state = load_state(checkpoint("sd1").path)
    prefix = vae_names.PREFIX
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def vae_of(state: dict[str, Tensor], folder: Path, progress: Progress | None = None) -> nn.Module:
    path = folder / "vae.safetensors"
    save_file(state, path)
    return load_vae(read_header(path), SD1, half_cpu(), progress)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_tensor_arrives(family: str, checkpoint: Callable[[str], Written]) -> None:
    path, written = checkpoint(family)
    stored = load_state(path)
    parts = load(path, family)
    loaded = modules_of(parts)
    assert len(loaded) == len(written)
    for (prefix, original), module in zip(written.items(), loaded, strict=True):
        state = module.state_dict()
        assert list(state) == list(original.state_dict())
        for name, tensor in original.state_dict().items():
            assert torch.equal(state[name], tensor.half()), name
        for name, tensor in by_diffusers(prefix, module, stored).items():
            bare = name.removeprefix("text_model.")
            assert torch.equal(state[name if name in state else bare], tensor), name
        assert not [n for n, b in module.named_buffers() if b.is_meta]
    assert parts.unknown == ()
    assert parts.variant == "base"
    assert len(model_sigmas(parts.scheduler)) == 1000
    ids = [tokenizer.encode("a photo of a cat") for tokenizer in parts.tokenizers]
    assert ids == [[320, 1125, 539, 320, 2368]] * len(ids)
    marks = [(t.bos, t.eos, t.pad) for t in parts.tokenizers]
    pads = {"sd1": [49407], "sd2": [0], "sdxl": [49407, 0], "sdxl_refiner": [0]}
    assert marks == [(49406, 49407, pad) for pad in pads[family]]


def test_a_variant_is_told_by_its_channels(tmp_path: Path) -> None:
    path = tmp_path / "variant.safetensors"
    write_checkpoint(path, "sd1", vae=False, text=False, in_channels=9)
    parts = load(path)
    assert (parts.variant, parts.unet.config["in_channels"]) == ("inpaint", 9)
    assert (parts.vae, parts.text_encoders) == (None, (None,))


def test_marks_in_the_file_say_how_it_was_trained(unet_file: Path, tmp_path: Path) -> None:
    state = load_state(unet_file)
    path = tmp_path / "marked.safetensors"
    save_file({**state, "v_pred": torch.zeros(1), "ztsnr": torch.zeros(1)}, path)
    parts = load(path)
    assert (parts.prediction_type, parts.unknown) == ("v_prediction", ())
    assert model_sigmas(parts.scheduler)[-1] > 4000
    assert load(unet_file).prediction_type == "epsilon"


def test_the_moving_average_is_taken_when_asked_for(unet_file: Path, tmp_path: Path) -> None:
    state = load_state(unet_file)
    averages = {
        "model_ema." + name.removeprefix("model.").replace(".", ""): tensor + 1
        for name, tensor in state.items()
        if name.startswith(unet_names.PREFIX)
    }
    path = tmp_path / "ema.safetensors"
    save_file({**state, **averages, "model_ema.decay": torch.zeros(1)}, path)
    last, average = load(path), load(path, ema=True)
    name = "down_blocks.0.resnets.0.conv1.weight"
    assert torch.equal(last.unet.state_dict()[name], state[KEY])
    assert torch.equal(average.unet.state_dict()[name], state[KEY] + 1)
    assert (last.unknown, average.unknown) == ((), ())
    only = tmp_path / "only.safetensors"
    save_file(averages, only)
    assert torch.equal(load(only).unet.state_dict()[name], state[KEY] + 1)


def test_what_is_not_understood_is_reported(unet_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "more.safetensors"
    extra = {"model.diffusion_model.novelty.weight": torch.zeros(2), "loss.w": torch.zeros(2)}
    save_file({**load_state(unet_file), **extra}, path)
    assert load(path).unknown == ("model.diffusion_model.novelty.weight",)


@pytest.mark.parametrize(
    ("change", "key", "named"),
    [
        (lambda s: s.pop(KEY), "error.part_incomplete", "input_blocks.1.0.in_layers.2.weight"),
        (lambda s: s.update({KEY: torch.zeros(3, 3)}), "error.part_shape_wanted", KEY),
        (lambda s: s[KEY].view(-1)[7:8].fill_(torch.nan), "error.model_not_finite", KEY),
        (lambda s: s.update({KEY: s[KEY].to(torch.int16)}), "error.weight_dtype", KEY),
        (lambda s: s.update(edm_mean=torch.zeros(1)), "error.checkpoint_mark", "edm_mean"),
        (
            lambda s: s.update(
                {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(64, 7, 3, 3)}
            ),
            "error.part_unsupported",
            "in_channels",
        ),
    ],
)
def test_a_file_that_is_not_right_is_refused(
    change: Callable[[dict[str, Tensor]], object],
    key: str,
    named: str,
    unet_file: Path,
    tmp_path: Path,
) -> None:
    state = load_state(unet_file)
    change(state)
    path = tmp_path / "wrong.safetensors"
    save_file(state, path)
    with pytest.raises(ModelFileError) as caught:
        load(path)
    assert caught.value.message.key == key
    assert named in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_shrank_since_its_header_was_read(unet_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(unet_file.read_bytes())
    header = read_header(path)
    with path.open("r+b") as stream:
        stream.truncate(header.file_size - 1000)
    with pytest.raises(ModelFileError) as caught:
        load_file(header, SD1, half_cpu())
    assert caught.value.message.key == "error.model_truncated"


def test_progress_goes_up_to_the_end_and_may_cancel(
    vae_state: dict[str, Tensor], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    vae_of(vae_state, tmp_path, lambda done, total: told.append((done, total)))
    size = sum(tensor.nbytes for tensor in vae_state.values())
    assert told == sorted(told)
    assert told[-1] == (size, size)

    def cancel(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        vae_of(vae_state, tmp_path, cancel)


@pytest.fixture
def three_threads() -> Iterator[None]:
    """What reads in threads of its own has three of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_small_pieces_read_by_several_threads_are_the_same(
    dtype: torch.dtype,
    checkpoint: Callable[[str], Written],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SDXL has tensors of every piece: thirds, transposed, convolutions, and plain ones."""
    path, written = checkpoint("sdxl")
    monkeypatch.setattr(reading, "BUFFER_BYTES", 20_000)
    monkeypatch.setattr(reading, "SHARED_OUT", 3_000)
    device = dataclasses.replace(cpu_device(), dtype=dtype)
    told: list[int] = []
    parts = load_file(read_header(path), SDXL, device, progress=lambda done, _: told.append(done))
    for original, module in zip(written.values(), modules_of(parts), strict=True):
        state = module.state_dict()
        for name, tensor in original.state_dict().items():
            assert torch.equal(state[name], tensor.half().to(dtype)), name
    assert told == sorted(told)


@pytest.mark.usefixtures("three_threads")
def test_the_first_fault_of_a_file_is_the_one_that_is_told(
    vae_state: dict[str, Tensor], tmp_path: Path
) -> None:
    state = {name: tensor.clone() for name, tensor in vae_state.items()}
    names = sorted(state)  # as the file has them
    for name in names[10::5]:
        state[name].view(-1)[-1] = float("nan")
    with pytest.raises(ModelFileError) as caught:
        vae_of(state, tmp_path)
    assert caught.value.message.values["tensor"] == names[10]


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.bfloat16, torch.float32])
def test_other_number_formats_are_converted(
    dtype: torch.dtype, vae_state: dict[str, Tensor], tmp_path: Path
) -> None:
    vae = vae_of({name: tensor.to(dtype) for name, tensor in vae_state.items()}, tmp_path)
    got = vae.state_dict()["encoder.conv_in.weight"]
    assert torch.equal(got, vae_state["encoder.conv_in.weight"].to(dtype).half())


def test_older_names_of_the_vae_are_understood(
    vae_state: dict[str, Tensor], tmp_path: Path
) -> None:
    words = {".q.": ".query.", ".k.": ".to_k.", ".v.": ".value.", ".proj_out.": ".to_out.0."}
    renamed = {}
    for name, tensor in vae_state.items():
        if "attn_1" not in name:
            renamed[name] = tensor
            continue
        old = next((name.replace(n, o) for n, o in words.items() if n in name), name)
        renamed[old] = tensor[:, :, 0, 0] if tensor.ndim == 4 else tensor
    assert set(renamed) != set(vae_state)
    first, second = vae_of(vae_state, tmp_path), vae_of(renamed, tmp_path)
    for name, tensor in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], tensor), name


def test_text_encoders_without_wrapper_in_their_names(
    checkpoint: Callable[[str], Written], tmp_path: Path
) -> None:
    path, written = checkpoint("sd1")
    state = load_state(path)
    bare = tmp_path / "bare.safetensors"
    save_file({name.replace(".text_model.", "."): t for name, t in state.items()}, bare)
    (encoder,) = load(bare).text_encoders
    original = written["cond_stage_model.transformer."]
    assert encoder is not None
    for name, tensor in original.state_dict().items():
        assert torch.equal(encoder.state_dict()[name], tensor.half()), name


def test_a_family_that_it_is_not(checkpoint: Callable[[str], Written]) -> None:
    header = read_header(checkpoint("sd2").path)
    with pytest.raises(ModelFileError):
        load_file(header, SDXL, half_cpu())
    assert load_file(header, SD2, cpu_device(), prediction_type="epsilon").variant == "base"


def test_a_model_that_gives_its_noise_back_predicts_epsilon(starter: ModelBundle) -> None:
    """The shipped model predicts v; what it says of epsilon follows from that."""
    unet, last = starter.unet, starter.sigmas[-1]
    share = float((1 + last**2) ** -0.5)

    class Epsilon:
        device, dtype, config = unet.device, unet.dtype, unet.config

        def __call__(self, x: Tensor, timestep: int, text: Tensor) -> SimpleNamespace:
            velocity = unet(x, timestep, text).sample
            return SimpleNamespace(sample=share * velocity + float(last) * share * x)

    assert predicts_velocity(unet)
    assert not predicts_velocity(Epsilon())
