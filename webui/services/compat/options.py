"""The settings of stable-diffusion-webui that clients name, and the request fields behind them.

There a part of what makes a picture are settings of the whole program; here everything is in the
request. So a client's setting becomes a default for the requests of its owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from webui.core.catalogue import AUTOMATIC, Catalogue
from webui.core.errors import InvalidRequest, Message
from webui.core.request import PARAMETERS, SAME
from webui.core.validation import shorten
from webui.services.compat.grids import Grid

CHECKPOINT = "sd_model_checkpoint"

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        CHECKPOINT: "checkpoint",
        "sd_vae": "vae",
        "CLIP_stop_at_last_layers": "clip_skip",
        "eta_noise_seed_delta": "ensd",
        "randn_source": "noise_source",
        "s_churn": "s_churn",
        "s_tmin": "s_tmin",
        "s_tmax": "s_tmax",
        "s_noise": "s_noise",
        "s_min_uncond": "ngms",
        "s_min_uncond_all": "ngms_all_steps",
        "skip_early_cond": "skip_early_cond",
        "sigma_min": "sigma_min",
        "sigma_max": "sigma_max",
        "rho": "rho",
        "beta_dist_alpha": "beta_alpha",
        "beta_dist_beta": "beta_beta",
        "always_discard_next_to_last_sigma": "discard_penultimate",
        "sgm_noise_multiplier": "sgm_noise_multiplier",
        "sd_noise_schedule": "noise_schedule",
        "tiling": "tiling",
        "emphasis": "emphasis",
        "use_old_scheduling": "old_timelines",
        "pad_cond_uncond": "pad_conds",
        "refiner_switch_by_sample_steps": "refiner_by_steps",
        "hires_fix_refiner_pass": "hires_refiner",
        "img2img_fix_steps": "exact_steps",
        "img2img_extra_noise": "extra_noise",
        "img2img_color_correction": "color_correction",
        "img2img_background_color": "background_color",
        "initial_noise_multiplier": "noise_multiplier",
        "inpainting_mask_weight": "mask_weight",
    }
)
"""Field of the request by setting."""

ETAS: Mapping[str, float] = MappingProxyType({"eta_ancestral": 1.0, "eta_ddim": 0.0})
"""Settings that are the eta of a kind of samplers, with the values that change nothing."""

GRID: Mapping[str, Any] = MappingProxyType(
    {"return_grid": True, "n_rows": -1, "grid_prevent_empty_spots": False}
)
"""Settings about the grid that comes with saved pictures."""

MOST_ROWS = 16

KEYS: Mapping[str, str] = MappingProxyType({field: key for key, field in FIELDS.items()})
"""Setting by field of the request."""

PASSES: Mapping[str, str] = MappingProxyType(
    {"first pass": "first", "second pass": "second", "both passes": "both"}
)

FIXED: Mapping[str, Any] = MappingProxyType(
    {
        "face_restoration": False,
        "face_restoration_model": None,
        "grid_save": False,
        "grid_only_if_multiple": True,
        "enable_pnginfo": True,
        "send_seed": True,
        "send_size": True,
        "img_max_size_mp": 64,
        "live_previews_enable": True,
        "live_previews_image_format": "png",
        "show_progress_every_n_steps": 1,
        "show_progress_type": "Approx NN",
        "interrupt_after_current": False,
        "upscaler_for_img2img": None,
        "hide_samplers": [],
        "disabled_extensions": [],
        "enable_prompt_comments": True,
        "comma_padding_backtrack": 20,
        "add_model_hash_to_info": True,
        "add_version_to_infotext": True,
        "localization": "None",
    }
)
"""What else clients read. It cannot be changed: it is how this program works."""


def known(key: str) -> bool:
    """Whether the setting says something about pictures or answers here."""
    return key in FIELDS or key in ETAS or key in GRID


def defaults() -> dict[str, Any]:
    """All settings with the values that a new server has; the checkpoint is "" for the first."""
    fields = {key: shown(key, PARAMETERS[field].default) for key, field in FIELDS.items()}
    return {**FIXED, **fields, **ETAS, **GRID}


def grid_of(options: Mapping[str, Any], within: str = "") -> Grid | None:
    """The grid that these settings ask for, beside the pictures that are saved; None for none.

    `within`: the entry that holds the settings, for messages.

    Raises:
        InvalidRequest: one of them is of the wrong form.
    """
    said = {**GRID, **{key: options[key] for key in GRID if options.get(key) is not None}}
    problems = [
        Message("error.flag", {"got": shorten(said[key])}, f"{within}{key}")
        for key, default in GRID.items()
        if isinstance(default, bool) and not isinstance(said[key], bool)
    ]
    rows = said["n_rows"]
    whole = isinstance(rows, (int, float)) and not isinstance(rows, bool) and rows == rows // 1
    if not whole or not -1 <= rows <= MOST_ROWS:
        values = {"got": shorten(rows), "low": -1, "high": MOST_ROWS}
        problems.append(Message("error.range", values, f"{within}n_rows"))
    if problems:
        raise InvalidRequest(*problems)
    return Grid(int(rows), said["grid_prevent_empty_spots"]) if said["return_grid"] else None


def values_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The request fields that these settings name. Nothing is checked, unknown ones are left out.

    null means the default, so it says nothing.
    """
    return {
        FIELDS[key]: _value(key, value)
        for key, value in options.items()
        if key in FIELDS and value is not None
    }


def eta_of(options: Mapping[str, Any], sampler: str, catalogue: Catalogue) -> Any:
    """The eta that the settings give this sampler; None for its own."""
    spec = catalogue.samplers.get(sampler)
    if spec is None or spec.default_eta is None:
        return None
    key = "eta_ddim" if spec.timesteps else "eta_ancestral"
    given = options.get(key)
    return None if given == ETAS[key] else given


def shown(key: str, value: Any) -> Any:
    """The value of a request field as the setting says it."""
    if key == "hires_fix_refiner_pass":
        return next((said for said, ours in PASSES.items() if ours == value), value)
    return value


def _value(key: str, value: Any) -> Any:
    if key == "sd_vae" and isinstance(value, str) and value.casefold() in ("none", "automatic", ""):
        return AUTOMATIC
    if key == CHECKPOINT and value in ("None", "none"):
        return SAME
    if key == "hires_fix_refiner_pass" and isinstance(value, str):
        return PASSES.get(value, value)
    return value
