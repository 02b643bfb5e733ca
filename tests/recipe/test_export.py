"""The exported folder: the product loads it and draws the same picture as the recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from recipe import draw, export
from recipe.sheets import to_image, write_curve, write_sheet
from recipe.workshop import Workshop, assemble
from safetensors import safe_open

from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.device import cpu_device
from webui.engine.latents import decode
from webui.engine.pipeline import Picture, Watcher, generate
from webui.engine.plan import denoiser_for, make_plan
from webui.engine.samplers import sample
from webui.engine.text_encoder import PromptEncoder
from webui.services.models import ModelLibrary


@pytest.fixture(scope="module")
def folder(trained: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "made"
    export.write_model(assemble(trained), path)
    return path


@pytest.fixture(scope="module")
def bundle(folder: Path) -> ModelBundle:
    return load_bundle(folder, cpu_device())


class Kept(Watcher):
    def __init__(self) -> None:
        self.pictures: list[Picture] = []

    def on_picture(self, picture: Picture) -> None:
        self.pictures.append(picture)


def test_the_product_draws_with_it(bundle: ModelBundle) -> None:
    kept = Kept()
    request = GenerationRequest(prompt="一只狗", steps=2, width=64, height=64, seed=1)
    generate(bundle, request, watcher=kept)
    assert bundle.prediction_type == "v_prediction"
    assert kept.pictures[0].pixels.shape == (64, 64, 3)


def test_recipe_and_product_draw_the_same(folder: Path, bundle: ModelBundle) -> None:
    model = draw.load(folder, torch.device("cpu"))
    (ours,) = draw.draw(model, ["a cat"], [7], cfg_scale=5.0, steps=6)
    request = GenerationRequest(
        prompt="a cat", sampler="DPM++ 2M", schedule="Karras", steps=6, cfg_scale=5.0
    )
    with torch.inference_mode():
        plan = make_plan(bundle, request, PromptEncoder(bundle))
        noise = draw.start_noise([7], (4, 8, 8))
        latent = sample(
            "DPM++ 2M",
            denoiser_for(plan, request, 1),
            noise * float(plan.sigmas[0]),
            plan.sigmas,
            lambda *_: torch.zeros_like(noise),
        )
        theirs = decode(bundle, latent[0])
    difference = np.abs(np.array(to_image(ours)).astype(int) - theirs.astype(int))
    assert difference.max() <= 2
    assert np.array(to_image(ours)).std() > 1


def test_files_are_half_precision_and_the_form_gets_its_defaults(folder: Path) -> None:
    with safe_open(folder / "unet" / "diffusion_pytorch_model.safetensors", "pt") as file:
        kinds = {file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert kinds == {torch.float16}
    library = ModelLibrary(folder.parent)
    (entry,) = library.entries()
    library.close()
    assert entry.native_size == (64, 64)
    assert entry.defaults["sampler"] == "DPM++ 2M"
    assert entry.about.keys() == entry.examples.keys() == {"en", "zh"}
    assert "MIT" in (folder / "ATTRIBUTION.md").read_text(encoding="utf-8")


def test_a_model_too_large_to_ship_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.check_sizes(folder)
    monkeypatch.setattr(export, "MAX_FOLDER", 1000)
    with pytest.raises(export.ExportError, match="narrower"):
        export.check_sizes(folder)


def test_pieces_come_together_and_a_lost_one_is_noticed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PIECE", 50_000)
    pieces = export.split(folder, tmp_path / "out")
    assert len(pieces) > 10  # the order of 10 and 9 is not that of their names
    export.join(tmp_path / "out", tmp_path / "again")
    for file in folder.rglob("*.*"):
        assert (tmp_path / "again" / file.relative_to(folder)).read_bytes() == file.read_bytes()
    pieces[3].unlink()
    with pytest.raises(export.ExportError, match="copy them again"):
        export.join(tmp_path / "out", tmp_path / "third")


def test_sheets_and_curves_are_pictures(tmp_path: Path) -> None:
    write_sheet([torch.full((3, 8, 8), value) for value in (-1.0, 0.0, 1.0)], tmp_path / "s.png")
    write_curve([(i, float(i), 1 / i) for i in range(1, 50)], tmp_path / "c.png", "unet")
    assert all((tmp_path / name).read_bytes()[1:4] == b"PNG" for name in ("s.png", "c.png"))
