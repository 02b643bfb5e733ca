"""What there is to choose from: samplers, schedulers, upscalers, styles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from webui.core.catalogue import AUTOMATIC
from webui.core.specs import NOT_ENLARGED, SamplerSpec
from webui.http.sdapi.route import ApiRoute
from webui.http.services import HttpServices

RHOS: Mapping[str, float] = {"Karras": 7.0, "Polyexponential": 1.0}
LEVELS_OF_MODEL = frozenset({"Uniform", "SGM Uniform", "Simple", "Normal", "DDIM", "Beta", "Turbo"})
"""Schedules that walk the model's own noise levels."""

SCALE = 4
"""What clients are told of an upscaler that has no scale of its own."""

Rows = list[dict[str, Any]]


def router(services: HttpServices) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=ApiRoute)

    @routes.get("/samplers")
    def samplers() -> Rows:
        """The samplers in the order of the menu; the first is the default of the form."""
        return [
            {"name": spec.name, "aliases": list(spec.aliases), "options": _options(spec)}
            for spec in services.names().catalogue.samplers.values()
        ]

    @routes.get("/schedulers")
    def schedulers() -> Rows:
        """The schedules; both `name` and `label` are understood in requests."""
        specs = services.names().catalogue.schedules.values()
        return [
            _schedule(AUTOMATIC, ()),
            *(_schedule(spec.name, spec.aliases) for spec in specs),
        ]

    @routes.get("/upscalers")
    def upscalers() -> Rows:
        """What enlarges pictures."""
        models = {entry.name: entry for entry in services.library.upscalers()}
        return [
            {
                "name": name,
                "model_name": models[name].path.stem if name in models else None,
                "model_path": str(models[name].path) if name in models else None,
                "model_url": None,
                "scale": 1
                if name == NOT_ENLARGED
                else (name in models and models[name].scale) or SCALE,
            }
            for name in services.names().of_pictures()
        ]

    @routes.get("/latent-upscale-modes")
    def latent_modes() -> Rows:
        """What enlarges latents between the passes of hires fix."""
        specs = services.names().catalogue.upscalers.values()
        return [{"name": spec.name} for spec in specs if spec.latent]

    @routes.get("/prompt-styles")
    def styles() -> Rows:
        """The styles; they belong to the whole server."""
        return [asdict(style) for style in services.styles.list()]

    return routes


def _options(spec: SamplerSpec) -> dict[str, str]:
    """Properties of a sampler under the names that clients know; what is absent is false."""
    marks = {
        "second_order": spec.calls == 2,
        "brownian_noise": spec.noise == "brownian",
        "uses_ensd": spec.noise == "per_step",
        "discard_next_to_last_sigma": spec.discards_penultimate,
    }
    own = (
        {} if spec.timesteps or spec.schedule == "Uniform" else {"scheduler": _name(spec.schedule)}
    )
    return {**own, **{name: "True" for name, on in marks.items() if on}}


def _schedule(label: str, aliases: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": _name(label),
        "label": label,
        "aliases": list(aliases) or None,
        "default_rho": RHOS.get(label, -1.0),
        "need_inner_model": label in LEVELS_OF_MODEL,
    }


def _name(label: str) -> str:
    return label.lower().replace(" ", "_")
