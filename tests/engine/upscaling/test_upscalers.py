"""Models that enlarge: read from real files, in tiles that nobody sees."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.tiny_upscalers import ARCHITECTURES, esrgan, real_esrgan, write_upscalers
from webui.core.enlarging import Enlarging
from webui.core.errors import InkstoneError, ModelFileError
from webui.core.events import UpscalerFile
from webui.core.model_files.recognise import recognise_file
from webui.engine.device import cpu_device
from webui.engine.memory import Memory
from webui.engine.upscale import lanczos
from webui.engine.upscaling import upscaler
from webui.engine.upscaling.architectures import library
from webui.engine.upscaling.finished import enlarge_finished, enlarged_alpha, opened
from webui.engine.upscaling.tiles import bands, tiles_of
from webui.engine.upscaling.upscaler import Upscaler, Upscalers, runs

PAIR = ("esrgan", "swinir")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_upscalers(tmp_path_factory.mktemp("upscalers"))


def load(file: Path) -> Upscaler:
    return Upscaler(UpscalerFile(file.stem, str(file)), Memory(cpu_device()))


@pytest.fixture(scope="module")
def model(folder: Path) -> Upscaler:
    return load(folder / "esrgan.safetensors")


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.rand(3, 200, 230, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_model_draws_as_its_library_does(tmp_path: Path, name: str) -> None:
    """Known by its header, loaded, and drawn, whatever the size of the picture."""
    weights = ARCHITECTURES[name]()
    file = tmp_path / "model.safetensors"
    save_file(weights, file)
    shape = recognise_file(file).upscaler
    assert shape is not None
    assert shape.architecture == name.removeprefix("Real-")
    model, own = load(file), library().ModelLoader().load_from_state_dict(weights).eval()
    assert model.scale == own.scale == shape.scale == (4 if name == "Real-ESRGAN" else 2)
    for size in ((37, 45), (3, 20), (1, 1)):
        picture = torch.rand(3, *size, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            wanted = own(picture[None])[0]
        made = model.image(picture)
        assert made.shape == wanted.shape == (3, size[0] * own.scale, size[1] * own.scale)
        assert (made - wanted).abs().max() < 1e-4
        assert made.isfinite().all()


@pytest.mark.parametrize("name", ["esrgan", "swinir"])
def test_tiles_equal_the_whole(folder: Path, noise: torch.Tensor, name: str) -> None:
    model = load(folder / f"{name}.safetensors")
    whole = model.image(noise)
    seen: list[tuple[int, ...]] = []

    def run(part: torch.Tensor) -> torch.Tensor:
        seen.append(part.shape)
        return model.image(part)

    tiled = torch.cat(list(bands(noise, model.scale, 128, run)), dim=1)
    assert len(seen) == tiles_of(230, 200, 128) == 9
    assert tiled.shape == whole.shape == (3, 400, 460)
    assert whole.std() > 0.01
    assert (tiled - whole).abs().max() < 1e-3


def test_a_seam_fades(noise: torch.Tensor) -> None:
    """Tiles that differ as a whole pass into each other without a step."""
    made = iter(range(100))

    def run(part: torch.Tensor) -> torch.Tensor:
        return torch.full_like(part, next(made) / 10)

    tiled = torch.cat(list(bands(noise, 1, 128, run)), dim=1)
    assert tiled.max() == pytest.approx(0.8)
    assert (tiled[:, :, 1:] - tiled[:, :, :-1]).abs().max() < 0.1 / 10
    assert (tiled[:, 1:] - tiled[:, :-1]).abs().max() < 0.3 / 10


def test_pickles_are_read_as_tensors_alone(folder: Path, tmp_path: Path) -> None:
    model = load(folder / "pickled.pth")
    assert model.scale == 4
    plain = torch.rand(3, 16, 16)
    assert torch.equal(model.image(plain), load(folder / "pickled.pth").image(plain))
    hostile = tmp_path / "hostile.pth"
    torch.save({"params": esrgan(), "run": Path}, hostile)
    with pytest.raises(ModelFileError) as caught:
        load(hostile)
    assert caught.value.message.key == "error.convert_refused"


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    weights = esrgan()
    unknown, broken = tmp_path / "unknown.safetensors", tmp_path / "broken.safetensors"
    save_file({"a.weight": torch.zeros(2, 2)}, unknown)
    weights["model.1.sub.0.RDB1.conv1.0.weight"] = torch.zeros(3, 3, 3, 3)
    save_file(weights, broken)
    flat = tmp_path / "flat.safetensors"
    tables = {"params_ema": real_esrgan(), "params": real_esrgan(seed=2)}
    save_file({f"{t}.{n}": w for t, ws in tables.items() for n, w in ws.items()}, flat)
    assert load(flat).scale == 4
    for file, key in ((unknown, "error.upscaler_unknown"), (broken, "error.model_corrupt")):
        with pytest.raises(ModelFileError) as caught:
            load(file)
        assert caught.value.message.key == key
        assert file.name in caught.value.message.values["file"]


def test_as_often_as_it_takes_and_lanczos_for_the_rest(model: Upscaler) -> None:
    assert runs((10, 10), 2, (15, 15)) == [(10, 10)]
    assert runs((10, 10), 2, (40, 21)) == [(10, 10), (20, 20)]
    assert runs((10, 10), 2, (200, 200)) == [(10, 10), (20, 20), (40, 40)]
    assert runs((10, 10), 1, (20, 20)) == [(10, 10)]
    picture = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    told: list[tuple[int, int]] = []
    made = model.enlarged(picture, (30, 36), lambda *tile: told.append(tile))
    assert told == [(1, 2), (2, 2)]
    twice = model.enlarged(model.enlarged(picture, (20, 24)), (40, 48))
    assert np.array_equal(made, lanczos(twice, (30, 36)))


def test_smaller_tiles_where_memory_runs_out(
    model: Upscaler, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    whole = model.enlarged(picture, (400, 300))
    real = model._run

    def short(image: torch.Tensor) -> torch.Tensor:
        if max(image.shape) > 128:
            raise torch.OutOfMemoryError("out of memory")
        return real(image)

    monkeypatch.setattr(model, "_run", short)
    difference = np.abs(model.enlarged(picture, (400, 300)).astype(int) - whole)
    assert difference.max() <= 1
    monkeypatch.setattr(upscaler, "MOST_PIXELS", 1000)
    with pytest.raises(InkstoneError, match="upscaler_size"):
        model.enlarged(picture, (400, 300))


def test_two_are_blended_and_the_middle_is_kept(folder: Path) -> None:
    ways = Upscalers(Memory(cpu_device())).ways(
        {"x2": UpscalerFile("x2", str(folder / "esrgan.safetensors"))}
    )
    image = Image.effect_noise((20, 10), 90).convert("RGB")
    image.putalpha(100)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    picture, alpha = opened(buffer.getvalue())
    size = {"mode": "size", "width": 30, "height": 30}
    both = Enlarging(**size, first="x2", second="Lanczos", visibility=0.25)
    model, other = ways["x2"](picture, (60, 30)), lanczos(picture, (60, 30))
    blended = np.asarray(Image.blend(Image.fromarray(model), Image.fromarray(other), 0.25))
    assert np.array_equal(enlarge_finished(picture, both, ways), blended[:, 15:45])
    assert enlarged_alpha(alpha, both) == bytes([100]) * 900
    told: list[tuple[int, int]] = []
    files = {name: UpscalerFile(name, str(folder / f"{name}.safetensors")) for name in PAIR}
    pair = Upscalers(Memory(cpu_device())).ways(files, lambda *tile: told.append(tile))
    enlarge_finished(picture, Enlarging(first=PAIR[0], second=PAIR[1], visibility=1), pair)
    assert told == [(1, 2), (2, 2)]
    with pytest.raises(InkstoneError, match="unknown_name"):
        enlarge_finished(picture, Enlarging(first="Latent"), ways)


def test_what_cannot_be_seen_is_not_drawn_into_the_edge() -> None:
    """Black under full transparency takes the colour of what is beside it."""
    image = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    image.paste((200, 40, 20, 255), (0, 0, 17, 30))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    picture, alpha = opened(buffer.getvalue())
    assert np.abs(picture.astype(int) - (200, 40, 20)).max() < 8
    assert alpha is not None
    assert alpha.getpixel((30, 3)) == 0


def test_a_damaged_file_leaves_the_model_before(folder: Path, tmp_path: Path) -> None:
    held = Upscalers(Memory(cpu_device()))
    first = UpscalerFile("esrgan", str(folder / "esrgan.safetensors"))
    model = held.load(first)
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes((folder / "esrgan.safetensors").read_bytes()[:-100])
    with pytest.raises(ModelFileError):
        held.load(UpscalerFile("torn", str(torn)))
    assert held.load(first) is model
    replaced = held.load(UpscalerFile("esrgan", first.path, stamp="newer"))
    assert replaced is not model
