"""`GenerationRequest`: one frozen value with everything that affects the pixels of a job.

It is also the one table of parameters: controls, REST schema, infotext, command-line flags,
grid axes and translations derive from the annotations below (see `PARAMETERS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from webui.core import pass_fields as passes
from webui.core import picture_fields as start
from webui.core import tile_fields as tiles
from webui.core.catalogue import AUTOMATIC
from webui.core.parameters import Kind, Parameter, Spec, parameters_of
from webui.core.pass_fields import MAX_PROMPT_CHARACTERS, Name, Prompt
from webui.core.prompt import count_parts

MAX_BRACKET_DEPTH = 100
MAX_PARTS = 1000
"""Different parts that AND joins: each is one more call of the model in every step."""

MAX_SEED = 2**53 - 1
"""Largest whole number that every JSON client, JavaScript's included, keeps exactly."""

RANDOM_SEED = -1

MAX_SIGMA = 1000.0

NoiseSource = Literal["NV", "CPU", "GPU"]
EmphasisMode = Literal["Original", "No norm", "Ignore", "None"]
NoiseSchedule = Literal["Default", "Zero Terminal SNR"]
FIXED_CHOICES: Mapping[str, tuple[str, ...]] = {
    "noise_sources": get_args(NoiseSource),
    "emphasis_modes": get_args(EmphasisMode),
    "noise_schedules": get_args(NoiseSchedule),
    "refiner_passes": get_args(passes.RefinerPass),
    **start.PICTURE_CHOICES,
}
"""Menus that are the same everywhere, by their name in `Spec.choices`."""

SAME = ""
"""What a menu of the hires pass says for "as in the first pass", and the refiner's for "none"."""


def _seed(infotext: str, rest: str, step: float | None = 1) -> Spec:
    kind: Kind = "number" if step and step < 1 else "integer"
    size = infotext == "Seed resize from"
    return Spec(kind, infotext, rest, step=None if size else step, group="seed")


def _sampling(kind: Kind, infotext: str, **row: Any) -> Spec:
    return Spec(kind, infotext, group="sampling", **row)


def _guidance(kind: Kind, infotext: str, **row: Any) -> Spec:
    return Spec(kind, infotext, group="guidance", **row)


class GenerationRequest(BaseModel):
    """A job's whole description. Seeds are resolved (never -1), names are display names.

    `seed` is the first picture's; picture i of `pictures` uses seed + i.
    `eta` None means the sampler's own default. `checkpoint` and `vae` are names of the model
    library, "Automatic" the VAE that belongs to the checkpoint. Sizes are in pixels.

    0 stands for "the model's own" in `sigma_min` and `sigma_max`, for the schedule's own in
    `rho`, for "no limit" in `s_tmax`, for "as many as in the first pass" in `hires_steps`, for
    "by `hires_scale`" in `hires_width` and `hires_height`, and for "off" in seed resize. SAME in
    a menu of the hires pass means the first pass's choice, an empty hires prompt its prompt.
    `first_pass`: id of a finished picture that takes the place of the first pass.

    `init_image`, `mask`: pictures by their content, see `webui.core.picture_fields`. The start
    picture is brought to `width` x `height` less the borders that are added by outpainting; with
    "Only masked" it keeps its own size, and the painted part is drawn at `width` x `height`.
    `mask_blur_y` is the blur over the mask's height where it differs from the one over its width.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prompt: Annotated[Prompt, Spec("text")] = ""
    negative_prompt: Annotated[Prompt, Spec("text")] = ""
    steps: Annotated[int, Field(ge=1, le=150), Spec("integer", "Steps", step=1)] = 20
    sampler: Annotated[Name, Spec("choice", "Sampler", rest="sampler_name", choices="samplers")] = (
        "DPM++ 2M"
    )
    schedule: Annotated[
        Name, Spec("choice", "Schedule type", rest="scheduler", choices="schedules")
    ] = AUTOMATIC
    cfg_scale: Annotated[float, Field(ge=1, le=30), Spec("number", "CFG scale", step=0.5)] = 7.0
    width: Annotated[int, Field(ge=64, le=2048, multiple_of=8), Spec("integer", "Size")] = 512
    height: Annotated[int, Field(ge=64, le=2048, multiple_of=8), Spec("integer", "Size")] = 512
    seed: Annotated[int, Field(ge=0, le=MAX_SEED), Spec("integer", "Seed", step=1)] = 0
    batch_size: Annotated[int, Field(ge=1, le=8), Spec("integer", step=1, axis=False)] = 1
    batch_count: Annotated[
        int, Field(ge=1, le=100), Spec("integer", rest="n_iter", step=1, axis=False)
    ] = 1
    clip_skip: Annotated[int, Field(ge=1, le=12), Spec("integer", "Clip skip", step=1)] = 1
    eta: Annotated[float | None, Field(ge=0, le=1), Spec("number", "Eta", step=0.05)] = None
    noise_source: Annotated[NoiseSource, Spec("choice", "RNG", choices="noise_sources")] = "NV"
    checkpoint: Annotated[Name, Spec("choice", "Model", choices="checkpoints")] = ""
    vae: Annotated[Name, Spec("choice", "VAE", choices="vaes")] = AUTOMATIC

    # Seeds: pictures near another one.
    variation_seed: Annotated[int, Field(ge=0, le=MAX_SEED), _seed("Variation seed", "subseed")] = 0
    variation_strength: Annotated[
        float, Field(ge=0, le=1), _seed("Variation seed strength", "subseed_strength", step=0.01)
    ] = 0.0
    seed_resize_width: Annotated[
        int, Field(ge=0, le=2048, multiple_of=8), _seed("Seed resize from", "seed_resize_from_w")
    ] = 0
    seed_resize_height: Annotated[
        int, Field(ge=0, le=2048, multiple_of=8), _seed("Seed resize from", "seed_resize_from_h")
    ] = 0

    # Hires fix: a second pass on the enlarged picture.
    hires: passes.Hires = False
    hires_upscaler: passes.HiresUpscaler = "Latent"
    hires_steps: passes.HiresSteps = 0
    denoising_strength: passes.DenoisingStrength = 0.7
    hires_scale: passes.HiresScale = 2.0
    hires_width: passes.HiresWidth = 0
    hires_height: passes.HiresHeight = 0
    hires_checkpoint: passes.HiresCheckpoint = SAME
    hires_sampler: passes.HiresSampler = SAME
    hires_schedule: passes.HiresSchedule = SAME
    hires_cfg_scale: passes.HiresCfgScale = None
    hires_prompt: passes.HiresPrompt = ""
    hires_negative_prompt: passes.HiresNegativePrompt = ""
    first_pass: passes.FirstPass = ""

    # Refiner: another checkpoint for the last part of the way.
    refiner_checkpoint: passes.RefinerCheckpoint = SAME
    refiner_switch_at: passes.RefinerSwitchAt = 0.8
    refiner_by_steps: passes.RefinerBySteps = False
    hires_refiner: passes.HiresRefiner = "second"

    # Details of sampling.
    s_churn: Annotated[
        float, Field(ge=0, le=100), _sampling("number", "Sigma churn", step=0.01)
    ] = 0.0
    s_tmin: Annotated[
        float, Field(ge=0, le=MAX_SIGMA), _sampling("number", "Sigma tmin", step=0.01)
    ] = 0.0
    s_tmax: Annotated[
        float, Field(ge=0, le=MAX_SIGMA), _sampling("number", "Sigma tmax", step=0.01)
    ] = 0.0
    s_noise: Annotated[float, Field(ge=0, le=2), _sampling("number", "Sigma noise", step=0.001)] = (
        1.0
    )
    sigma_min: Annotated[
        float, Field(ge=0, le=MAX_SIGMA), _sampling("number", "Schedule min sigma", step=0.001)
    ] = 0.0
    sigma_max: Annotated[
        float, Field(ge=0, le=MAX_SIGMA), _sampling("number", "Schedule max sigma", step=0.01)
    ] = 0.0
    rho: Annotated[float, Field(ge=0, le=100), _sampling("number", "Schedule rho", step=0.1)] = 0.0
    beta_alpha: Annotated[
        float, Field(ge=0.01, le=2), _sampling("number", "Beta schedule alpha", step=0.01)
    ] = 0.6
    beta_beta: Annotated[
        float, Field(ge=0.01, le=2), _sampling("number", "Beta schedule beta", step=0.01)
    ] = 0.6
    ensd: Annotated[int, Field(ge=0, le=MAX_SEED), _sampling("integer", "ENSD", step=1)] = 0
    discard_penultimate: Annotated[bool, _sampling("flag", "Discard penultimate sigma")] = False
    sgm_noise_multiplier: Annotated[bool, _sampling("flag", "SGM noise multiplier")] = False
    noise_schedule: Annotated[
        NoiseSchedule, _sampling("choice", "Noise Schedule", choices="noise_schedules")
    ] = "Default"
    tiling: Annotated[bool, Spec("flag", "Tiling", group="sampling")] = False

    # Guidance, and how prompts are read.
    ngms: Annotated[
        float,
        Field(ge=0, le=15),
        Spec("number", "NGMS", rest="s_min_uncond", step=0.01, group="guidance"),
    ] = 0.0
    ngms_all_steps: Annotated[bool, _guidance("flag", "NGMS all steps")] = False
    skip_early_cond: Annotated[
        float, Field(ge=0, le=1), _guidance("number", "Skip Early CFG", step=0.01)
    ] = 0.0
    cfg_rescale: Annotated[
        float, Field(ge=0, le=1), _guidance("number", "CFG rescale", step=0.01)
    ] = 0.0
    pad_conds: Annotated[bool, _guidance("flag", "Pad conds")] = False
    emphasis: Annotated[EmphasisMode, _guidance("choice", "Emphasis", choices="emphasis_modes")] = (
        "Original"
    )
    old_timelines: Annotated[bool, _guidance("flag", "Old prompt editing timelines")] = False

    # A picture to begin with.
    init_image: start.InitImage = ""
    resize_mode: start.Resizing = "Just resize"
    image_cfg_scale: start.ImageCfgScale = 1.5
    noise_multiplier: start.NoiseMultiplier = 1.0
    extra_noise: start.ExtraNoise = 0.0
    color_correction: start.ColorCorrection = False
    exact_steps: start.ExactSteps = False
    background_color: start.BackgroundColor = "#ffffff"

    # The part of it that is painted.
    mask: start.Mask = ""
    mask_blur: start.MaskBlur = 4
    mask_blur_y: start.MaskBlurDown = None
    mask_mode: start.Masking = "Inpaint masked"
    masked_content: start.Content = "original"
    inpaint_area: start.Area = "Whole picture"
    masked_padding: start.Padding = 32
    mask_weight: start.MaskWeight = 1.0
    mask_rounding: start.MaskRounding = True
    soft_inpainting: start.SoftInpainting = False
    soft_schedule_bias: start.SoftBias = 1.0
    soft_preservation: start.SoftPreservation = 0.5
    soft_contrast: start.SoftContrast = 4.0
    soft_mask_influence: start.SoftInfluence = 0.0
    soft_difference_threshold: start.SoftThreshold = 0.5
    soft_difference_contrast: start.SoftDifference = 2.0

    # What is added to it on each side, in pixels.
    outpaint_left: start.BorderLeft = 0
    outpaint_right: start.BorderRight = 0
    outpaint_up: start.BorderUp = 0
    outpaint_down: start.BorderDown = 0

    # The picture enlarged and drawn anew in tiles of `width` x `height`.
    tile_upscale: tiles.TileUpscale = False
    tile_upscaler: tiles.TileUpscaler = "Lanczos"
    tile_scale: tiles.TileScale = 2.0
    tile_overlap: tiles.TileOverlap = 64

    @property
    def repaints(self) -> bool:
        """Whether only a part of the start picture is painted: under a mask, or around it."""
        return bool(self.init_image) and any(getattr(self, name) for name in start.REPAINTED)

    @property
    def pictures(self) -> int:
        """How many pictures the job makes; with SD upscale batches are of a picture's tiles."""
        return self.batch_count * (1 if self.tile_upscale else self.batch_size)

    @field_validator(
        "prompt", "negative_prompt", "hires_prompt", "hires_negative_prompt", mode="before"
    )
    @classmethod
    def _readable(cls, text: object) -> object:
        """Refuses what no tokenizer, file or database keeps: NUL, half characters, deep nesting.

        Runs before the length check so that the cheap tests come first, and stays linear.
        """
        if not isinstance(text, str) or len(text) > MAX_PROMPT_CHARACTERS:
            return text
        if "\0" in text:
            raise PydanticCustomError("nul", "NUL", {"at": text.index("\0") + 1})
        for at, character in enumerate(text):
            if "\ud800" <= character <= "\udfff":
                raise PydanticCustomError("surrogate", "surrogate", {"at": at + 1})
        depth = bracket_depth(text)
        if depth > MAX_BRACKET_DEPTH:
            raise PydanticCustomError("depth", "depth", {"got": depth, "high": MAX_BRACKET_DEPTH})
        return text

    @field_validator("prompt", "hires_prompt")
    @classmethod
    def _drawable(cls, text: str) -> str:
        """Refuses more parts than anybody would wait for. Negative prompts are not split."""
        parts = count_parts(text)
        if parts > MAX_PARTS:
            raise PydanticCustomError("parts", "parts", {"got": parts, "high": MAX_PARTS})
        return text


def bracket_depth(text: str) -> int:
    """The deepest nesting of `(` and `[`, escaped ones aside, counted in one pass."""
    depth = deepest = 0
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character in "([":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]" and depth:
            depth -= 1
    return deepest


PARAMETERS: Mapping[str, Parameter] = parameters_of(GenerationRequest)
"""The table of parameters by field name, in the order of the fields."""
