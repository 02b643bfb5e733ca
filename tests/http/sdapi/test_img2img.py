"""The contract of img2img, and what strangers may send as a picture."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import pytest
from PIL import Image, ImageChops, ImageDraw

from tests.http.sdapi.conftest import SMALL, base64_of
from webui.core import infotext


@pytest.fixture(scope="module")
def start():
    return Image.linear_gradient("L").resize((64, 64)).convert("RGB")


@pytest.fixture(scope="module")
def mask():
    image = Image.new("L", (64, 64))
    ImageDraw.Draw(image).rectangle((40, 40, 63, 63), fill=255)
    return image


def difference(one, other, box):
    return max(high for _, high in ImageChops.difference(one, other).crop(box).getextrema())


def test_the_answer_begins_with_the_picture(client, start):
    sent = base64_of(start)
    half = {"init_images": [sent], "denoising_strength": 0.5, "steps": 4}
    drawn = client.draw("img2img", **half, n_iter=2)
    assert [image.size for image in drawn.pictures] == [(64, 64)] * 2
    assert drawn.info["denoising_strength"] == 0.5
    said = infotext.parse(drawn.info["infotexts"][1]).settings
    assert (said["Denoising strength"], said["Seed"]) == ("0.5", "6")
    echo = drawn.json["parameters"]
    assert (echo["init_images"], echo["mask"], echo["inpainting_fill"]) == (None, None, 0)
    strong = client.draw("img2img", **{**half, "denoising_strength": 0.9})
    assert strong.pictures[0].tobytes() != drawn.pictures[0].tobytes()
    shown = client.draw("img2img", **half, include_init_images=True)
    assert shown.json["parameters"]["init_images"] == [sent]
    assert shown.pictures[0].tobytes() == drawn.pictures[0].tobytes()


def test_outside_the_mask_the_picture_stays(client, start, mask):
    sent = {
        "init_images": [base64_of(start)],
        "mask": base64_of(mask),
        "inpainting_fill": 1,
        "mask_blur": 0,
        "denoising_strength": 0.9,
        "inpaint_full_res": False,
    }
    inside, outside = (40, 40, 64, 64), (0, 0, 32, 32)
    drawn = client.draw("img2img", **sent)
    assert difference(drawn.pictures[0], start, outside) == 0
    assert difference(drawn.pictures[0], start, inside) > 8
    turned = client.draw("img2img", **sent, inpainting_mask_invert=1)
    assert difference(turned.pictures[0], start, inside) == 0
    assert difference(turned.pictures[0], start, outside) > 8
    assert "Mask mode: Inpaint not masked" in turned.info["infotexts"][0]
    alpha = Image.new("RGBA", (64, 64))
    alpha.putalpha(mask)
    same = client.draw("img2img", **{**sent, "mask": base64_of(alpha)})
    assert same.pictures[0].tobytes() == drawn.pictures[0].tobytes()


def test_by_default_the_masked_part_alone_is_drawn_large(client, start, mask):
    larger = start.resize((128, 96))
    sent = {"init_images": [base64_of(larger)], "mask": base64_of(mask.resize((128, 96)))}
    drawn = client.draw("img2img", **sent)
    assert drawn.pictures[0].size == (128, 96)
    assert "Inpaint area: Only masked" in drawn.info["infotexts"][0]


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        (
            [{"resize_mode": number} for number in range(4)],
            ["", *(f"Resize mode: {name}" for name in ("Crop and resize", "Resize and fill"))],
        ),
        (
            [{"masked": True, "inpainting_fill": number} for number in range(4)],
            ["Masked content: fill", "", "Masked content: latent noise"],
        ),
        (
            [
                {"masked": True, "mask_blur_y": 0},
                {"masked": True, "mask_blur": 0},
                {"masked": True, "mask_blur": 4, "mask_round": False},
            ],
            ["Mask blur: 4, Mask blur y: 0", "Mask blur: 0", "Mask rounding: False"],
        ),
        (
            [{"initial_noise_multiplier": 0.5}, {"initial_noise_multiplier": None}],
            ["Noise multiplier: 0.5"],
        ),
    ],
)
def test_every_way_gives_a_picture_of_its_own(client, mask, rows, labels):
    wide = Image.radial_gradient("L").resize((96, 64)).convert("RGB")
    sent = {"init_images": [base64_of(wide)], "denoising_strength": 0.7}
    painted = {"mask": base64_of(mask.resize((96, 64))), "inpaint_full_res": False}
    drawn = [
        client.draw("img2img", **sent, **(painted if row.pop("masked", False) else {}), **row)
        for row in map(dict, rows)
    ]
    assert len({one.pictures[0].tobytes() for one in drawn}) == len(rows)
    assert {one.pictures[0].size for one in drawn} == {(64, 64)}
    for one, label in zip(drawn, labels, strict=False):
        assert label in one.info["infotexts"][0]


@pytest.mark.parametrize("form", ["plain", "data", "blanks", "unpadded", "url alphabet", "jpeg"])
def test_forms_of_base64(client, start, form):
    sent = base64_of(start)
    forms = {
        "plain": sent,
        "data": f"data:image/png;base64,{sent}",
        "blanks": "\n".join(sent[at : at + 76] for at in range(0, len(sent), 76)) + " \n",
        "unpadded": sent.rstrip("="),
        "url alphabet": sent.replace("+", "-").replace("/", "_"),
        "jpeg": base64_of(start, "JPEG", quality=95),
    }
    drawn = client.draw("img2img", init_images=[forms[form]])
    assert drawn.pictures[0].size == (64, 64)


def bomb():
    """A PNG of a few bytes that says it has 19000 x 19000 pixels."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 19_000, 19_000, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def truncated():
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()[:1000]


def coded(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        ("!!!", 422),
        ("data:image/png;base64,", 422),
        (7, 422),
        ("file:" + "///etc/passwd", 422),
        ("C:\\Windows\\win.ini", 422),
        ("http://169.254.169.254/latest", 422),
        ("HTTPS://example.com/a.png", 422),
        (coded(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), 422),
        (coded(b"plain words"), 422),
        (coded(truncated()), 422),
        (coded(bomb()), 413),
    ],
)
@pytest.mark.parametrize("place", ["init_images", "mask"])
def test_what_is_no_picture_is_named(client, start, place, entry, status):
    body = {"init_images": [base64_of(start)], "mask": None, "steps": 1}
    body[place] = [entry] if place == "init_images" else entry
    answer = client.post("/sdapi/v1/img2img", body)
    assert answer.status == status, answer.body
    assert [problem["field"] for problem in answer.json["problems"]] == [place]


def test_a_request_without_a_picture(client):
    for images in (None, [], [None], [""]):
        answer = client.post("/sdapi/v1/img2img", {"init_images": images})
        assert answer.status == 404
        assert answer.json["detail"].startswith("init_images: ")


def test_sd_upscale_by_its_script(client, start):
    """In four tiles, of which two are drawn at once; the numbers of upscalers are those listed."""
    sent = {"init_images": [base64_of(start)], "denoising_strength": 0.4, "seed": 9}
    number = [row["name"] for row in client.get("/sdapi/v1/upscalers")].index("Nearest")
    script = {"script_name": "SD upscale", "script_args": ["", 16, number, 1.5]}
    drawn = client.draw("img2img", **sent, **script, batch_size=2, n_iter=2)
    assert [picture.size for picture in drawn.pictures] == [(96, 96)] * 2
    assert drawn.info["all_seeds"] == [9, 10]
    said = drawn.info["extra_generation_params"]
    assert (said["SD upscale overlap"], said["SD upscale upscaler"]) == ("16", "Nearest")
    fields = {"tile_upscale": True, "tile_overlap": 16, "tile_upscaler": "nearest"}
    own = client.draw("img2img", **sent, **fields, tile_scale=1.5)
    assert own.pictures[0].tobytes() == drawn.pictures[0].tobytes()
    sent |= {"width": 128, "height": 128}
    plain = client.draw("img2img", **sent, script_name="sd upscale", script_args=[])
    assert plain.pictures[0].size == (64, 64)
    assert "SD upscale upscaler: None" in plain.info["infotexts"][0]
    script["script_args"][1] = 128
    answer = client.post("/sdapi/v1/img2img", {**SMALL, **sent, **script})
    assert (answer.status, answer.json["problems"][0]["field"]) == (422, "script_args")


def test_menus_by_number(client, start):
    answer = client.post("/sdapi/v1/img2img", {"init_images": [base64_of(start)], "resize_mode": 9})
    assert answer.status == 422
    assert answer.json["problems"][0]["field"] == "resize_mode"
