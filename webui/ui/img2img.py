"""The img2img tab: a second form, which our scripts draw (`assets/img2img/`).

Gradio only holds the place of it: a second form of its controls would cost the page seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from webui.core.picture_fields import GROWN
from webui.ui.bindings import OPEN, fields_of
from webui.ui.folds import folds
from webui.ui.markup import Markup, element, icon_button, joined, place, switch, words
from webui.ui.pieces import prompt_tools, queue, start_buttons

PREFIX = "ink-img2img"

BESIDE = ("denoising_strength", "resize_mode", "image_cfg_scale")
"""Fields of a start picture that everybody sees."""

FIELDS = (*(name for name in OPEN if name != "checkpoint"), *BESIDE)
"""The fields outside of sections. The checkpoint in the header is both forms'."""

FOLDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "inpaint": fields_of("inpaint"),
        "soft": fields_of("soft"),
        "outpaint": GROWN,
        "tiles": fields_of("tiles"),
        "refiner": tuple(name for name in fields_of("refiner") if name != "hires_refiner"),
        "seed": fields_of("seed"),
        "advanced": (
            *("clip_skip", "eta", "noise_source", "vae"),
            *(name for name in fields_of("img2img") if name not in BESIDE),
            *fields_of("guidance"),
            *fields_of("sampling"),
        ),
    }
)
"""The sections of the form with their fields."""

DEFAULTS: Mapping[str, Any] = MappingProxyType({"denoising_strength": 0.75})
"""Where an untouched form differs from the table of parameters."""

MODES = {
    "img2img": "img2img.mode_img2img",
    "sketch": "img2img.mode_sketch",
    "inpaint": "img2img.mode_inpaint",
    "inpaint_sketch": "img2img.mode_inpaint_sketch",
    "upload": "img2img.mode_upload",
    "batch": "img2img.mode_batch",
}


def page_data() -> dict[str, Any]:
    """What the scripts need to draw the form."""
    return {"fields": FIELDS, "folds": dict(FOLDS), "defaults": dict(DEFAULTS)}


def build_img2img() -> None:
    """Places the containers; `assets/img2img/tab.js` fills them when the tab is first opened."""
    left = element("div", _compose(), _work())
    right = element("div", start_buttons(PREFIX, "button.generate"), _settings())
    place(element("section", left, right, id=PREFIX))


def _slot(name: str) -> Markup:
    """Where the script puts the field of this name."""
    return element("div", data_slot=name)


def _row(*parts: Markup, tool: bool = False) -> Markup:
    return element("div", *parts, class_="ink-plain-row ink-row-tool" if tool else "ink-plain-row")


def _compose() -> Markup:
    prompts = element("div", _slot("prompt"), _slot("negative_prompt"), class_="ink-prompts")
    return element("div", prompts, prompt_tools(PREFIX), class_="ink-compose")


def _work() -> Markup:
    modes = switch(f"{PREFIX}-modes", MODES, "img2img")
    upload = element(
        "label",
        words("span", "img2img.mask_file"),
        element("input", type="file", accept="image/*", id=f"{PREFIX}-mask-file"),
        class_="ink-button ink-file", id=f"{PREFIX}-upload", hidden="hidden",
    )  # fmt: skip
    bar = element("div", modes, upload, class_="ink-mode-bar")
    canvas = element(
        "div",
        element("div", id=f"{PREFIX}-editor"),
        element("div", id=f"{PREFIX}-stage", class_="ink-stage", hidden="hidden"),
        id=f"{PREFIX}-canvas",
    )
    problems = [element("div", id=f"{PREFIX}-{name}") for name in ("init_image", "mask")]
    batch = element("div", id=f"{PREFIX}-batch")
    versions = element("div", id=f"{PREFIX}-versions", hidden="hidden")
    strip = element("div", id=f"{PREFIX}-strip")
    return element("div", bar, canvas, batch, *problems, versions, strip, class_="ink-work")


def _settings() -> Markup:
    size = element(
        "div",
        _row(
            _slot("width"),
            icon_button("swap", "button.swap", id=f"{PREFIX}-swap"),
            _slot("height"),
            tool=True,
        ),
        element("div", id=f"{PREFIX}-size"),
        class_="ink-size",
    )
    seeds = _row(
        _slot("seed"),
        icon_button("random-seed", "button.random_seed", id=f"{PREFIX}-random-seed"),
        icon_button("reuse-seed", "button.reuse_seed", id=f"{PREFIX}-reuse-seed"),
        tool=True,
    )
    rows = joined(
        _row(_slot("denoising_strength"), _slot("image_cfg_scale")),
        _row(_slot("sampler"), _slot("schedule")),
        _row(_slot("steps"), _slot("cfg_scale")),
        size,
        _row(_slot("resize_mode")),
        _row(_slot("batch_count"), _slot("batch_size")),
        seeds,
        element("div", folds(PREFIX, FOLDS), class_="ink-folds"),
    )
    return element("div", rows, queue(PREFIX), class_="ink-settings")
