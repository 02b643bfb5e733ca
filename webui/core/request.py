"""`GenerationRequest`: one frozen value with everything that affects the pixels of a job.

It is also the one table of parameters: controls, REST schema, infotext, command-line flags,
grid axes and translations derive from the annotations below (see `PARAMETERS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from webui.core.catalogue import AUTOMATIC
from webui.core.parameters import Parameter, Spec, parameters_of

MAX_PROMPT_CHARACTERS = 20_000
MAX_BRACKET_DEPTH = 100
MAX_SEED = 2**53 - 1
"""Largest whole number that every JSON client, JavaScript's included, keeps exactly."""

RANDOM_SEED = -1

NoiseSource = Literal["NV", "CPU", "GPU"]
NOISE_SOURCES: tuple[NoiseSource, ...] = ("NV", "CPU", "GPU")

Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)]
Name = Annotated[str, Field(max_length=500)]


class GenerationRequest(BaseModel):
    """A job's whole description. Seeds are resolved (never -1), names are display names.

    `seed` is the first picture's; picture i of `batch_size * batch_count` uses seed + i.
    `eta` None means the sampler's own default. `checkpoint` and `vae` are names of the model
    library, "Automatic" the VAE that belongs to the checkpoint. Sizes are in pixels.
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

    @property
    def pictures(self) -> int:
        """How many pictures the job makes."""
        return self.batch_size * self.batch_count

    @field_validator("prompt", "negative_prompt", mode="before")
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
