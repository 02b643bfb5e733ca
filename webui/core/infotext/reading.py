"""From an infotext to request fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from webui.core.catalogue import AUTOMATIC, BUILTIN, Catalogue
from webui.core.infotext.syntax import number, split
from webui.core.parameters import Parameter
from webui.core.request import PARAMETERS, SAME

PAIRS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "Size": ("width", "height"),
        "Seed resize from": ("seed_resize_width", "seed_resize_height"),
        "Hires resize": ("hires_width", "hires_height"),
    }
)
"""Entries "WxH" that stand for two fields."""

ABOUT = frozenset(
    {
        *("version", "user", "model hash", "vae hash", "hashes", "lora hashes", "ti hashes"),
        *("hypernet", "hypernet strength", "batch size", "batch pos"),
    }
)
"""Entries that tell something but set nothing, or are read on their own; in lower case."""

NAMED_ONLY = frozenset(
    {
        *("prompt", "negative_prompt", "steps", "sampler", "cfg_scale", "width", "height"),
        *("seed", "batch_size", "batch_count", "checkpoint", "first_pass", "init_image", "mask"),
    }
)
"""Fields about which a text that does not name them says nothing."""

_SIZE = re.compile(r"(\d{1,9})x(\d{1,9})")
_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?!\d)")
_FORGE = re.compile(r"f\d")


@dataclass(frozen=True)
class Fields:
    """What an infotext says in terms of the request.

    `assumed`: those of `values` that it does not name. `unknown`: its entries that no field
    stands for. Values are not checked beyond their kind: `validation.complete` does that.
    """

    values: dict[str, Any]
    assumed: tuple[str, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Infotext:
    """A parsed infotext. `settings` keeps the entries of the last line in their order."""

    prompt: str = ""
    negative_prompt: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    def values(self, catalogue: Catalogue = BUILTIN) -> dict[str, Any]:
        """The request fields that the text gives, those that it implies included."""
        return self.fields(catalogue).values

    def fields(self, catalogue: Catalogue = BUILTIN) -> Fields:
        """The request fields, and what is left over."""
        found: dict[str, Any] = {"prompt": self._prompt()}
        if self.negative_prompt or self.settings:
            found["negative_prompt"] = self.negative_prompt
        unknown = [
            (key, text) for key, text in self.settings.items() if not _take(key, text, found)
        ]
        _resolve(found, catalogue)
        assumed: tuple[str, ...] = ()
        if {"hires_scale", "hires_upscaler", "hires_width"} & found.keys():
            found["hires"] = True
        if {"tile_overlap", "tile_upscaler"} & found.keys():
            found["tile_upscale"] = True
        if self.complete:
            named = set(found)
            _fill(found, self._by_version(found))
            assumed = tuple(name for name in PARAMETERS if name in found and name not in named)
        values = {name: found[name] for name in PARAMETERS if name in found}
        return Fields(values, assumed, tuple(unknown))

    @property
    def complete(self) -> bool:
        """Whether this describes a picture, so that what is absent was at its default."""
        return "Steps" in self.settings and bool({"Sampler", "Seed"} & self.settings.keys())

    def _prompt(self) -> str:
        """The prompt; the entries of old versions for a hypernetwork become its tag."""
        name = self.settings.get("Hypernet")
        if not name:
            return self.prompt
        tag = f"<hypernet:{name}:{self.settings.get('Hypernet strength', '1.0')}>"
        return f"{self.prompt}{tag}"

    def _by_version(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """What older programs did without saying so, by the version that the text names."""
        text = self.settings.get("Version", "")
        version = _VERSION.match(text)
        forge = bool(_FORGE.match(text))
        number = tuple(int(part) for part in version.groups()) if version else None
        implied: dict[str, Any] = {}
        bracket = any("[" in prompt for prompt in (self.prompt, self.negative_prompt))
        if number and number < (1, 6, 0) and bracket:
            implied["old_timelines"] = True
        if found.get("refiner_checkpoint") and (forge or (number and number < (1, 8, 0))):
            implied["refiner_by_steps"] = True
        return implied


def parse(text: str) -> Infotext:
    """Splits an infotext into prompt, negative prompt and settings. Never raises; linear time."""
    return Infotext(*split(text))


_KEYS: Mapping[str, Parameter] = MappingProxyType(
    {
        **{p.infotext.casefold(): p for p in PARAMETERS.values() if p.infotext},
        "eta ddim": PARAMETERS["eta"],
    }
)
_PAIR_KEYS = MappingProxyType({key.casefold(): names for key, names in PAIRS.items()})


def _take(key: str, text: str, found: dict[str, Any]) -> bool:
    """Puts an entry into `found`; False when no field stands for it."""
    plain = key.casefold()
    if plain in _PAIR_KEYS:
        size = _SIZE.fullmatch(text)
        if size:
            found.update(zip(_PAIR_KEYS[plain], (int(size[1]), int(size[2])), strict=True))
        return size is not None
    if plain not in _KEYS:
        return plain in ABOUT
    parameter = _KEYS[plain]
    found[parameter.name] = _value(parameter, text)
    return True


def _value(parameter: Parameter, text: str) -> Any:
    """The text as the field's kind; what cannot be read stays text, for validation to refuse."""
    word = text.strip().casefold()
    if parameter.kind == "flag":
        return {"true": True, "false": False}.get(word, text)
    if parameter.kind in ("integer", "number"):
        if parameter.name == "s_tmax" and word == "inf":
            return 0.0
        read = number(text)
        return text if read is None else read
    if parameter.may_be_empty and (word.startswith("use same ") or word == "none"):
        return SAME
    return AUTOMATIC if parameter.name == "vae" and word in ("none", "automatic") else text


def _resolve(found: dict[str, Any], catalogue: Catalogue) -> None:
    """Display names for samplers and schedules, combined names split."""
    for sampler, schedule in (("sampler", "schedule"), ("hires_sampler", "hires_schedule")):
        named = found.get(schedule) or AUTOMATIC
        first, second = catalogue.split(found.get(sampler) or "", named)
        if found.get(sampler):
            found[sampler] = first
        if found.get(schedule) or second != AUTOMATIC:
            found[schedule] = second


def _fill(found: dict[str, Any], implied: Mapping[str, Any]) -> None:
    """Adds what the picture depends on and the text leaves at its default.

    No "RNG" stands for NV: the numbers that an NVIDIA card draws, on which the incumbent's
    default and so nearly every such picture rests.
    """
    found.update({name: value for name, value in implied.items() if name not in found})
    # A text doesn't hold the pictures that it was made with, but what was done with them.
    begun = {
        "init_image": "denoising_strength" in found and not found.get("hires"),
        "mask": "mask_blur" in found,
    }
    for name, parameter in PARAMETERS.items():
        off = parameter.idle({**found, **begun})
        still = name == "variation_seed" and not found.get("variation_strength")
        if name not in NAMED_ONLY and not off and not still:
            found.setdefault(name, parameter.default)
