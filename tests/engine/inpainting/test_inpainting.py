"""Painting a part of a picture: the rest bit by bit as it was, with tiny real models."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.engine.test_pipeline import Recorder, small
from webui.core.errors import Message
from webui.core.request import GenerationRequest
from webui.engine.beginning import start_picture
from webui.engine.bundle import ModelBundle
from webui.engine.inpainting.areas import Box, painted_box
from webui.engine.inpainting.masks import Mask, blurred
from webui.engine.inpainting.seams import seam
from webui.engine.latents import Pixels, encode
from webui.engine.noise import SeededNoise
from webui.engine.pipeline import generate, sample_batch
from webui.engine.plan import make_plan
from webui.engine.samplers import StepEvent
from webui.engine.text_encoder import PromptEncoder

FAMILIES = ("Euler a", "DPM++ 2M SDE", "DPM adaptive", "Restart", "LCM", "DDIM", "DDIM CFG++",
            "PLMS", "UniPC")  # fmt: skip
"""One sampler of each kind: how they draw noise, choose levels and take batches."""

DRAW = np.random.default_rng(3)
NAME = "0" * 64
SPOT = Box(24, 16, 48, 40)


def photo(width: int = 64, height: int = 64) -> Pixels:
    return DRAW.integers(0, 256, (height, width, 3), dtype=np.uint8)


def spot(box: Box = SPOT, size: tuple[int, int] = (64, 64)) -> Mask:
    mask = np.zeros(size[::-1], np.uint8)
    mask[box.rows, box.columns] = 255
    return mask


def png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def painting(**fields: Any) -> GenerationRequest:
    usual = {"init_image": NAME, "mask": NAME, "denoising_strength": 0.75, "mask_blur": 2}
    return small(**{**usual, **fields})


class Listener(Recorder):
    """Notes remarks and estimates as well."""

    def __init__(self) -> None:
        super().__init__()
        self.remarks: list[Message] = []
        self.estimates: list[Tensor] = []

    def on_remark(self, message: Message) -> None:
        self.remarks.append(message)

    def on_step(self, indices: tuple[int, ...], event: StepEvent) -> None:
        super().on_step(indices, event)
        self.estimates.append(event.denoised.clone())


def images(picture: Pixels, mask: Mask | None) -> dict[str, bytes]:
    given = {"init_image": png(picture)}
    return given if mask is None else {**given, "mask": png(mask)}


def heard(
    bundle: ModelBundle, request: GenerationRequest, picture: Pixels, mask: Mask | None
) -> Listener:
    listener = Listener()
    generate(bundle, request, None, listener, images=images(picture, mask))
    return listener


@pytest.mark.parametrize("sampler", FAMILIES)
@pytest.mark.parametrize("soft", [False, True])
def test_what_is_not_painted_stays_bit_by_bit(tiny: ModelBundle, sampler: str, soft: bool) -> None:
    fields = {"sampler": sampler, "batch_size": 2, "soft_inpainting": soft, "eta": 1.0}
    large, far = photo(150, 110), spot(Box(100, 30, 130, 70), (150, 110))
    for picture, mask, area in (
        (photo(), spot(), "Whole picture"),
        (large, far, "Only masked"),
    ):
        request = painting(**fields, inpaint_area=area, masked_padding=8)
        made = heard(tiny, request, picture, mask).pictures
        touched = blurred(mask, 2, 2) > 0
        for index in (0, 1):
            assert made[index].shape == picture.shape
            assert made[index][~touched].tobytes() == picture[~touched].tobytes()
            assert (made[index][mask > 0] != picture[mask > 0]).mean() > 0.5
        assert not np.array_equal(made[0], made[1])


@torch.inference_mode()
def ended(bundle: ModelBundle, request: GenerationRequest, picture: Pixels) -> Tensor:
    """The latents of the request's first picture after all steps."""
    start = start_picture(bundle, request, images(picture, spot()))
    plan = make_plan(bundle, request, PromptEncoder(bundle), start=start)
    latents = start.batch(request, (0,))
    return sample_batch(plan, request, (0,), latents=latents, kept=start.kept(latents))


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_each_step_keeps_what_is_not_painted(tiny: ModelBundle, sampler: str) -> None:
    """Estimates keep it; samplers of timesteps show it to the model without noise."""
    picture = photo()
    shown: list[Tensor] = []
    hook = tiny.unet.register_forward_hook(lambda _, given, __: shown.append(given[0][:1].clone()))
    request = painting(sampler=sampler, steps=4)
    estimates = heard(tiny, request, picture, spot()).estimates
    hook.remove()
    with torch.inference_mode():
        clean = encode(tiny, picture)[None]
    kept = torch.ones(8, 8, dtype=torch.bool)
    kept[2:5, 3:6] = False
    assert len(estimates) > 1
    for estimate in estimates:
        assert torch.equal(estimate[..., kept], clean[..., kept])
        assert not torch.allclose(estimate[..., ~kept], clean[..., ~kept], atol=0.05)
    assert torch.equal(ended(tiny, request, picture)[..., kept], clean[..., kept])
    noiseless = [torch.allclose(x[..., kept], clean[..., kept], atol=1e-5) for x in shown]
    assert set(noiseless) == {sampler == "DDIM"}


def begun(
    bundle: ModelBundle, request: GenerationRequest, picture: Pixels
) -> tuple[Tensor, Pixels]:
    with torch.inference_mode():
        start = start_picture(bundle, request, images(picture, spot()))
        return start.batch(request, (0, 1)), start.pixels


def test_what_lies_under_the_mask_to_begin_with(tiny: ModelBundle) -> None:
    picture = photo()
    painted = torch.zeros(8, 8, dtype=torch.bool)
    painted[2:5, 3:6] = True
    original, shown = begun(tiny, painting(masked_content="original"), picture)
    assert np.array_equal(shown, picture)
    nothing, _ = begun(tiny, painting(masked_content="latent nothing"), picture)
    assert not nothing[..., painted].any()
    noise, _ = begun(tiny, painting(masked_content="latent noise"), picture)
    drawn = SeededNoise([5, 6], (4, 8, 8), "NV", torch.device("cpu"))()
    assert torch.equal(noise[..., painted], drawn[..., painted])
    for latents in (nothing, noise):
        assert torch.equal(latents[..., ~painted], original[..., ~painted])
    _, shown = begun(tiny, painting(masked_content="fill"), picture)
    inside = shown[SPOT.rows, SPOT.columns].astype(float)
    assert inside.std() < picture.std() / 3
    assert np.array_equal(shown[:10], picture[:10])


@pytest.mark.parametrize("sampler", ["Euler a", "DDIM"])
def test_a_batch_is_its_single_pictures(tiny: ModelBundle, sampler: str) -> None:
    picture = photo()
    request = painting(sampler=sampler, masked_content="latent noise", soft_inpainting=True)
    batch, singles = (
        heard(tiny, request.model_copy(update={field: 2}), picture, spot()).pictures
        for field in ("batch_size", "batch_count")
    )
    assert all(np.array_equal(batch[index], singles[index]) for index in (0, 1))


def test_masks_are_read_as_the_request_says(tiny: ModelBundle) -> None:
    """Layers by what they cover, turned round, of another size, and of nothing at all."""
    picture, mask = photo(), spot()
    plain = heard(tiny, painting(mask_blur=0), picture, mask).pictures[0]
    layer = np.dstack([np.full((64, 64, 3), 9, np.uint8), mask // 255 * 200])
    turned = painting(mask_blur=0, mask_mode="Inpaint not masked")
    for request, given in ((painting(mask_blur=0), layer), (turned, 255 - mask)):
        made = heard(tiny, request, picture, given).pictures[0]
        assert np.array_equal(made, plain)
    double = np.kron(mask, np.ones((2, 2), np.uint8))
    made = heard(tiny, painting(mask_blur=0), picture, double).pictures[0]
    # But for its outermost pixels.
    within = spot(SPOT.grown(-1, -1)) > 0
    without = spot(SPOT.grown(1, 1)) == 0
    assert np.array_equal(made[within | without], plain[within | without])
    for empty in (np.zeros_like(mask), np.zeros((64, 64, 4), np.uint8)):
        listener = heard(tiny, painting(), picture, empty)
        assert [remark.key for remark in listener.remarks] == ["remark.mask_empty"]
        assert (listener.pictures[0] != picture).mean() > 0.5
    fine = heard(tiny, painting(mask_blur=0), picture, spot(Box(3, 3, 5, 5)))
    assert [remark.key for remark in fine.remarks] == ["remark.mask_fine"]
    full = heard(tiny, painting(), picture, np.full_like(mask, 255))
    assert not full.remarks
    assert (full.pictures[0] != picture).mean() > 0.5


@pytest.mark.parametrize("mode", ["Just resize", "Crop and resize", "Resize and fill"])
def test_a_resized_picture_is_kept_as_it_was_resized(tiny: ModelBundle, mode: str) -> None:
    picture = np.asarray(Image.fromarray(photo(12, 10)).resize((120, 100)))
    mask = spot(Box(50, 30, 80, 60), (120, 100))
    request = painting(resize_mode=mode)
    with torch.inference_mode():
        start = start_picture(tiny, request, images(picture, mask))
    assert start.repaint is not None
    made = heard(tiny, request, picture, mask).pictures[0]
    kept = start.repaint.shown.mask == 0
    assert 0.5 < kept.mean() < 0.95
    assert np.array_equal(made[kept], start.pixels[kept])


@pytest.mark.parametrize("content", ["original", "fill", "latent noise"])
def test_a_picture_grows_and_stays_what_it_was(tiny: ModelBundle, content: str) -> None:
    picture = photo()
    borders = {"outpaint_left": 16, "outpaint_down": 32, "outpaint_right": 8}
    request = painting(mask="", width=88, height=96, mask_blur=4, masked_content=content, **borders)
    made = heard(tiny, request, picture, None).pictures[0]
    assert made.shape == (96, 88, 3)
    reach = int(2.5 * 4 + 0.5)
    inner = made[: 64 - reach, 16 + reach : 80 - reach]
    assert np.array_equal(inner, picture[: 64 - reach, reach : 64 - reach])
    assert not np.array_equal(made[:64, 16:80], picture)
    assert made[64 + 8 :].std() > 1
    with torch.inference_mode():
        narrow = painting(mask="", width=72, outpaint_left=8, mask_blur=64)
        repaint = start_picture(tiny, narrow, images(picture, None)).repaint
    assert repaint is not None
    # All of a border is painted, however wide the blur.
    assert bool((repaint.shown.mask[:, :8] == 255).all())
    assert bool((repaint.nmask[..., :1] == 1).all())
    both = heard(
        tiny, request.model_copy(update={"mask": NAME}), picture, spot(Box(30, 10, 40, 20))
    ).pictures[0]
    assert not np.array_equal(both[12:18, 48:54], made[12:18, 48:54])


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (700, 3)])
@pytest.mark.parametrize("area", ["Whole picture", "Only masked"])
def test_pictures_of_odd_sizes_are_painted(
    tiny: ModelBundle, size: tuple[int, int], area: str
) -> None:
    picture, mask = photo(*size), np.zeros(size[::-1], np.uint8)
    mask[-1:] = 255
    request = painting(inpaint_area=area, masked_content="fill", mask_blur=64, steps=1)
    made = heard(tiny, request, picture, mask).pictures[0]
    assert made.shape == ((64, 64, 3) if area == "Whole picture" else picture.shape)


def test_only_what_is_shown_is_encoded(tiny: ModelBundle) -> None:
    """However large the picture is."""
    sizes: list[tuple[int, ...]] = []
    hook = tiny.vae.encoder.register_forward_hook(
        lambda _, given, __: sizes.append(tuple(given[0].shape[-2:]))
    )
    picture = np.zeros((1500, 2000, 3), np.uint8)
    mask = spot(Box(1200, 700, 1300, 800), (2000, 1500))
    request = painting(inpaint_area="Only masked", steps=1, batch_size=2)
    made = heard(tiny, request, picture, mask).pictures
    hook.remove()
    assert set(sizes) == {(64, 64)}
    assert made[1].shape == picture.shape


def test_the_mask_may_be_blurred_more_over_its_height_than_over_its_width(
    tiny: ModelBundle,
) -> None:
    picture, box = photo(64, 64), Box(24, 24, 40, 40)
    for area in ("Whole picture", "Only masked"):
        request = painting(mask_blur=0, mask_blur_y=6, inpaint_area=area)
        made = heard(tiny, request, picture, spot(box)).pictures[0]
        changed = painted_box(np.abs(made.astype(int) - picture).max(axis=2).astype(np.uint8))
        assert changed is not None
        assert (changed.left, changed.right) == (box.left, box.right)
        assert changed.top < box.top
        assert changed.bottom > box.bottom


def test_blurred_and_soft_edges_show_no_more_than_hard_ones(starter: ModelBundle) -> None:
    """Half a smooth picture painted: how much harder it changes across the edge than elsewhere."""
    slope = np.linspace(60, 200, 128, dtype=np.uint8)
    picture = np.stack([np.tile(slope, (128, 1))] * 3, axis=-1)
    mask = spot(Box(32, 32, 96, 96), (128, 128))
    usual = {"prompt": "a red apple", "width": 128, "height": 128, "steps": 6, "cfg_scale": 5.0}

    def measured(**fields: Any) -> float:
        made = heard(starter, painting(**usual, **fields), picture, mask).pictures[0]
        return seam(made, mask)

    hard = measured(mask_blur=0)
    assert measured(mask_blur=4) < hard / 2
    assert measured(mask_blur=4, soft_inpainting=True) < hard / 2
