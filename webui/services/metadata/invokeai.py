"""InvokeAI's three generations: `invokeai_metadata`, `sd-metadata`, and the command in `Dream`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from webui.services.metadata.plain import loads, mapping, renamed, text_of
from webui.services.metadata.samplers import sampler_of

CURRENT = {
    "positive_prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "width": "width",
    "height": "height",
    "seed": "seed",
    "cfg_scale": "cfg_scale",
    "steps": "steps",
    "cfg_rescale_multiplier": "cfg_rescale",
}
OLDER = {name: name for name in ("width", "height", "seed", "cfg_scale", "steps")}
FLAGS = {"-s": "steps", "-S": "seed", "-W": "width", "-H": "height", "-C": "cfg_scale"}
MAX_COMMAND = 50_000
NOISE = "CPU"
"""InvokeAI draws its noise on the CPU unless told otherwise."""


def read_current(text: str) -> dict[str, Any] | None:
    """Fields from `invokeai_metadata` (version 3 and later); None when it is none."""
    data = mapping(loads(text))
    if not data:
        return None
    values = renamed(data, CURRENT)
    model, vae = mapping(data.get("model")), mapping(data.get("vae"))
    name = text_of(model.get("name")) or text_of(model.get("model_name"))
    if name:
        values["checkpoint"] = name
    if text_of(vae.get("name")):
        values["vae"] = vae["name"]
    if isinstance(data.get("clip_skip"), int):
        values["clip_skip"] = data["clip_skip"] + 1
    return _finished(values, text_of(data.get("scheduler")))


def read_older(text: str) -> dict[str, Any] | None:
    """Fields from `sd-metadata` (version 2); None when it is none."""
    data = mapping(loads(text))
    image = mapping(data.get("image"))
    if not image:
        return None
    values = renamed(image, OLDER)
    prompt = image.get("prompt")
    first = mapping(prompt[0]).get("prompt") if isinstance(prompt, list) and prompt else prompt
    values.update(_both(text_of(first)))
    if text_of(data.get("model_weights")):
        values["checkpoint"] = data["model_weights"]
    return _finished(values, text_of(image.get("sampler")))


def read_dream(text: str) -> dict[str, Any] | None:
    """Fields from a `Dream` command: "a prompt" -s 50 -S 1 -W 512 -H 512 -C 7.5 -A k_lms."""
    try:
        words = shlex.split(text[:MAX_COMMAND])
    except ValueError:
        return None
    if not words:
        return None
    values: dict[str, Any] = _both(words[0])
    sampler = ""
    for flag, word in pairwise(words[1:]):
        if flag in FLAGS:
            values[FLAGS[flag]] = word
        elif flag == "-A":
            sampler = word
    return _finished(values, sampler)


def _both(prompt: str) -> dict[str, Any]:
    """Version 2 keeps the negative prompt in square brackets inside the other one."""
    positive, negative, depth, start = [], [], 0, 0
    for at, character in enumerate(prompt):
        if character == "[":
            if depth == 0:
                positive.append(prompt[start:at])
                start = at + 1
            depth += 1
        elif character == "]" and depth:
            depth -= 1
            if depth == 0:
                negative.append(prompt[start:at])
                start = at + 1
    (negative if depth else positive).append(prompt[start:])
    return {
        "prompt": "".join(positive).strip(),
        "negative_prompt": ", ".join(part.strip() for part in negative),
    }


def _finished(values: Mapping[str, Any], sampler: str) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if sampler:
        named["sampler"], named["schedule"] = sampler_of(sampler)
    return {**values, **named, "noise_source": NOISE}
