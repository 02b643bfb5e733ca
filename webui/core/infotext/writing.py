"""From a request to its infotext."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webui.core.catalogue import AUTOMATIC, BUILTIN, Catalogue, SamplerSpec, ScheduleSpec
from webui.core.infotext.reading import PAIRS, parse
from webui.core.infotext.syntax import NEGATIVE, PROMPT_LINES, quote, tidy
from webui.core.picture_fields import PICTURES
from webui.core.request import PARAMETERS, SAME, GenerationRequest
from webui.core.specs import NOT_ENLARGED

ORDER = (
    *("Steps", "Sampler", "Schedule type", "CFG scale", "Image CFG scale", "Seed", "Size"),
    *("Model hash", "Model"),
    *("VAE hash", "VAE", "Variation seed", "Variation seed strength", "Seed resize from"),
    *("Denoising strength", "Conditional mask weight", "Clip skip", "ENSD", "RNG", "Tiling"),
    *("Hires upscale", "Hires resize", "Hires steps", "Hires upscaler", "Hires checkpoint"),
    *("Hires sampler", "Hires schedule type", "Hires CFG Scale", "Hires prompt"),
    *("Hires negative prompt", "Emphasis", "Eta", "Eta DDIM", "Sigma churn", "Sigma tmin"),
    *("Sigma tmax", "Sigma noise", "Schedule min sigma", "Schedule max sigma", "Schedule rho"),
    *("Beta schedule alpha", "Beta schedule beta", "SGM noise multiplier"),
    *("Discard penultimate sigma", "NGMS", "NGMS all steps", "Skip Early CFG", "CFG rescale"),
    *("Pad conds", "Refiner", "Refiner switch at", "Refiner switch by sampling steps"),
    *("Hires refiner", "Noise Schedule", "Old prompt editing timelines"),
    *(
        "Resize mode",
        "Mask blur",
        "Mask blur y",
        "Mask mode",
        "Inpaint area",
        "Masked area padding",
    ),
    *("Masked content", "Mask rounding", "Noise multiplier", "Extra noise", "Color correction"),
    *("Exact steps", "Background color", "Soft inpainting enabled"),
    *("Soft inpainting schedule bias", "Soft inpainting preservation strength"),
    *("Soft inpainting transition contrast boost", "Soft inpainting mask influence"),
    *("Soft inpainting difference threshold", "Soft inpainting difference contrast"),
    *("Outpaint left", "Outpaint right", "Outpaint up", "Outpaint down"),
    *("SD upscale overlap", "SD upscale upscaler", "SD upscale factor"),
)
"""Where each key stands; people and tools look for them there."""

ALWAYS = frozenset({"steps", "sampler", "cfg_scale", "seed", "width", "height", "noise_source"})
"""Written whatever their value."""

WITH_HIRES = frozenset({"hires_upscaler", "denoising_strength", "hires_scale"})
WITH_MASK = frozenset({"mask_blur"})
WITH_TILES = frozenset({"tile_upscaler", "tile_scale", "tile_overlap"})
WITH_VARIATION = frozenset({"variation_seed", "variation_strength"})
SEED_RESIZE = frozenset({"seed_resize_width", "seed_resize_height"})
OPTIONS = frozenset(
    {
        *("s_churn", "s_tmin", "s_tmax", "s_noise"),
        *("sigma_min", "sigma_max", "rho", "beta_alpha", "beta_beta"),
    }
)
"""Fields that only some samplers and schedules take; the catalogue says which."""

EMPHATIC = ("(", "[", "\\", "BREAK")
"""What the modes of emphasis read differently."""


def format(
    request: GenerationRequest,
    *,
    model_hash: str | None = None,
    vae_hash: str | None = None,
    version: str | None = None,
    extra: Mapping[str, Any] | None = None,
    catalogue: Catalogue = BUILTIN,
) -> str:
    """The infotext of a request for one picture (see `webui.core.seeds.single`).

    "Automatic" is written as the schedule that the sampler really uses. Prompts are stripped at
    both ends and their line ends become newlines. `extra`: further entries, such as the hashes
    of embeddings.
    """
    fields = relevant(request, catalogue)
    prompt, negative = fields["prompt"], fields["negative_prompt"]
    entries = _entries(fields, catalogue.samplers.get(request.sampler))
    entries["Model hash"] = model_hash
    entries["VAE hash"] = vae_hash if "vae" in fields else None
    ordered = {key: entries[key] for key in (*ORDER, *entries) if key in entries}
    ordered |= {**(extra or {}), "Version": version}
    last = ", ".join(
        f"{key}: {quote(value)}" for key, value in ordered.items() if value is not None
    )
    head = [prompt] if prompt else []
    head += [f"{NEGATIVE} {negative}"] if negative else []
    text = "\n".join([*head, last])
    plain = parse(text)
    if (plain.prompt, plain.negative_prompt) == (prompt, negative):
        return text
    lines = prompt.count("\n") + 1 if prompt else 0
    return f"{text}, {PROMPT_LINES}: {lines}"


def schedule_label(request: GenerationRequest, catalogue: Catalogue = BUILTIN) -> str | None:
    """The schedule that the request really uses; None for samplers that have their own."""
    return _label(catalogue.samplers.get(request.sampler), request.schedule)


def _label(spec: SamplerSpec | None, schedule: str) -> str | None:
    if spec is None or not spec.timesteps:
        automatic = spec.schedule if spec else AUTOMATIC
        return automatic if schedule == AUTOMATIC else schedule
    return None


def relevant(request: GenerationRequest, catalogue: Catalogue = BUILTIN) -> dict[str, Any]:
    """The fields that an infotext of one picture names: those that its pixels depend on.

    `GenerationRequest(**relevant(r))` draws what `r` draws, and is what reading gives back.
    """
    given = request.model_dump()
    texts = ("prompt", "negative_prompt")
    fields: dict[str, Any] = {name: tidy(given[name]) for name in texts}
    fields |= {
        name: given[name]
        for name, parameter in PARAMETERS.items()
        if name not in texts
        and (name in ALWAYS or _forced(name, request) or given[name] != parameter.default)
        and _matters(name, request, catalogue)
    }
    fields.pop("schedule", None)
    fields.pop("hires_schedule", None)
    label = schedule_label(request, catalogue)
    if label is not None:
        fields["schedule"] = label
    hires = _hires_schedule(request, label or AUTOMATIC, catalogue)
    if hires is not None:
        fields["hires_schedule"] = hires
    return fields


def _forced(name: str, request: GenerationRequest) -> bool:
    """Whether a field is written at its default as well, because its part is on."""
    return (
        (request.hires and name in WITH_HIRES)
        or (bool(request.init_image) and name == "denoising_strength")
        or (request.repaints and name in WITH_MASK)
        or (request.tile_upscale and name in WITH_TILES)
        or (request.variation_strength != 0 and name in WITH_VARIATION)
        or (request.refiner_checkpoint != SAME and name == "refiner_switch_at")
    )


def _matters(name: str, request: GenerationRequest, catalogue: Catalogue) -> bool:
    """Whether the picture can depend on this field, the others being what they are."""
    parameter = PARAMETERS[name]
    used = _used(request, catalogue)
    samplers = [spec for spec in used if isinstance(spec, SamplerSpec)]
    resized = request.hires_width > 0 or request.hires_height > 0
    conditions = {
        "batch_size": False,
        "batch_count": False,
        **dict.fromkeys(("first_pass", *PICTURES), False),
        "masked_padding": request.inpaint_area == "Only masked",
        "hires_scale": not resized,
        "resize_mode": not request.tile_upscale,
        "tile_scale": request.tile_upscaler != NOT_ENLARGED,
        "hires_refiner": request.hires,
        "eta": any(sampler.default_eta is not None for sampler in samplers),
        "ensd": any(_draws(sampler, request) for sampler in samplers),
        "ngms_all_steps": request.ngms != 0,
        "emphasis": _emphatic(request),
    }
    if parameter.needs and not any(_on(need, request) for need in parameter.needs):
        return False
    if name in WITH_VARIATION:
        return request.variation_strength != 0
    if name in SEED_RESIZE:
        return request.seed_resize_width > 0 and request.seed_resize_height > 0
    if name in OPTIONS:
        return any(name in spec.options for spec in used)
    return conditions.get(name, True)


def _on(name: str, request: GenerationRequest) -> bool:
    """Whether a field that others need is filled, and one of those that it needs itself."""
    needs = PARAMETERS[name].needs
    return bool(getattr(request, name)) and (not needs or any(_on(need, request) for need in needs))


def _used(request: GenerationRequest, catalogue: Catalogue) -> list[SamplerSpec | ScheduleSpec]:
    """The samplers and schedules of the request's passes, as far as the catalogue knows them."""
    pairs = [(request.sampler, request.schedule)]
    if request.hires:
        second = request.hires_sampler or request.sampler
        pairs.append((second, request.hires_schedule or request.schedule))
    found: list[SamplerSpec | ScheduleSpec] = []
    for name, schedule in pairs:
        sampler = catalogue.samplers.get(name)
        label = _label(sampler, schedule) or ""
        found += [sampler] if sampler else []
        found += [catalogue.schedules[label]] if label in catalogue.schedules else []
    return found


def _draws(sampler: SamplerSpec, request: GenerationRequest) -> bool:
    """Whether the sampler adds noise that comes from the pictures' streams."""
    churned = bool(request.s_churn) and "s_churn" in sampler.options
    return sampler.noise == "per_step" or churned


def _emphatic(request: GenerationRequest) -> bool:
    prompts = [request.prompt, request.negative_prompt]
    if request.hires:
        prompts += [request.hires_prompt, request.hires_negative_prompt]
    return any(mark in prompt for prompt in prompts for mark in EMPHATIC)


def _hires_schedule(request: GenerationRequest, first: str, catalogue: Catalogue) -> str | None:
    """The hires pass's schedule, None where a reader finds it out from `first`.

    SAME means the first pass's choice; of "Automatic" another sampler can make something else.
    """
    if not request.hires:
        return None
    sampler = catalogue.samplers.get(request.hires_sampler or request.sampler)
    label = _label(sampler, request.hires_schedule or request.schedule)
    if request.hires_schedule == SAME and label == _label(sampler, first):
        return None
    return label


def _entries(fields: Mapping[str, Any], sampler: SamplerSpec | None) -> dict[str, Any]:
    """The fields by their keys in the text; sizes become one entry."""
    entries: dict[str, Any] = {}
    pairs = {name for pair in PAIRS.values() for name in pair}
    for name, value in fields.items():
        key = PARAMETERS[name].infotext
        if key and name not in pairs and value != "":
            entries[key] = value
    for key, (wide, high) in PAIRS.items():
        if wide in fields or high in fields:
            entries[key] = f"{fields.get(wide, 0)}x{fields.get(high, 0)}"
    if "Eta" in entries and sampler and sampler.timesteps:
        entries["Eta DDIM"] = entries.pop("Eta")
    return entries
