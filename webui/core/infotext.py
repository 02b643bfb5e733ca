"""The text saved with a picture ("parameters"), in the form that users of the field know.

    prompt, any number of lines
    Negative prompt: text, any number of lines
    Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x512, …

`parse` accepts any string. A prompt may itself look like infotext; `format` then marks where the
prompt ends with a "Prompt lines" entry, so that parse(format(request)) gives the request again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webui.core.catalogue import AUTOMATIC, BUILTIN, Catalogue
from webui.core.request import PARAMETERS, GenerationRequest

NEGATIVE = "Negative prompt:"
PROMPT_LINES = "Prompt lines"
MAX_CHARACTERS = 1_000_000
FEWEST_ENTRIES = 3
"""A last line with fewer entries is part of the prompt."""

_QUOTED = re.compile(r'\s*("(?:\\.|[^\\"])+")\s*(?:,|$)')
_SIZE = re.compile(r"(\d{1,9})x(\d{1,9})")
_LINE_ENDS = re.compile(r"\r\n?")


@dataclass(frozen=True)
class Infotext:
    """A parsed infotext. `settings` keeps the entries of the last line in their order."""

    prompt: str = ""
    negative_prompt: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    def values(self, catalogue: Catalogue = BUILTIN) -> dict[str, Any]:
        """The request fields that the text names, as far as they can be read.

        Nothing is checked here beyond the kind of a value: `validation.complete` does that.
        """
        found: dict[str, Any] = {"prompt": self.prompt, "negative_prompt": self.negative_prompt}
        for name, parameter in PARAMETERS.items():
            text = self.settings.get(parameter.infotext or "")
            if text is None or name in ("width", "height"):
                continue
            value = _number(text) if parameter.kind in ("integer", "number") else text
            if value is not None:
                found[name] = value
        size = _SIZE.fullmatch(self.settings.get("Size", ""))
        if size:
            found["width"], found["height"] = int(size[1]), int(size[2])
        if "sampler" in found:
            sampler, schedule = catalogue.split(
                found["sampler"], str(found.get("schedule", AUTOMATIC))
            )
            found.update(sampler=sampler, schedule=schedule)
        return found


def format(
    request: GenerationRequest,
    *,
    seed: int | None = None,
    model_hash: str | None = None,
    vae_hash: str | None = None,
    version: str | None = None,
    extra: Mapping[str, Any] | None = None,
    catalogue: Catalogue = BUILTIN,
) -> str:
    """The infotext of one picture of the job; `seed` is that picture's own.

    "Automatic" is written as the schedule that the sampler really uses. Prompts are stripped at
    both ends and their line ends become newlines.
    """
    prompt, negative = tidy(request.prompt), tidy(request.negative_prompt)
    entries: dict[str, Any] = {
        "Steps": request.steps,
        "Sampler": request.sampler,
        "Schedule type": schedule_label(request, catalogue),
        "CFG scale": request.cfg_scale,
        "Seed": request.seed if seed is None else seed,
        "Size": f"{request.width}x{request.height}",
        "Model hash": model_hash,
        "Model": request.checkpoint or None,
        "VAE hash": vae_hash if request.vae != AUTOMATIC else None,
        "VAE": request.vae if request.vae != AUTOMATIC else None,
        "Clip skip": request.clip_skip if request.clip_skip > 1 else None,
        "RNG": request.noise_source,
        "Eta": request.eta,
        **(extra or {}),
        "Version": version,
    }
    last = ", ".join(
        f"{key}: {_quote(value)}" for key, value in entries.items() if value is not None
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
    spec = catalogue.samplers.get(request.sampler)
    if spec is None or not spec.timesteps:
        automatic = spec.schedule if spec else AUTOMATIC
        return automatic if request.schedule == AUTOMATIC else request.schedule
    return None


def parse(text: str) -> Infotext:
    """Splits an infotext into prompt, negative prompt and settings. Never raises; linear time."""
    lines = _LINE_ENDS.sub("\n", text[:MAX_CHARACTERS]).strip().split("\n")
    settings: dict[str, str] = {}
    entries = list(_entries(lines[-1]))
    if len(entries) >= FEWEST_ENTRIES:
        settings = {key: _unquote(value) for key, value in entries}
        lines.pop()
    marked = _number(settings.pop(PROMPT_LINES, ""))
    if isinstance(marked, int) and 0 <= marked <= len(lines):
        split = marked
    else:
        split = next((i for i, row in enumerate(lines) if row.startswith(NEGATIVE)), len(lines))
    prompt = "\n".join(lines[:split]).strip()
    negative = "\n".join(lines[split:]).strip().removeprefix(NEGATIVE).strip()
    return Infotext(prompt, negative, settings)


def _entries(line: str) -> Iterator[tuple[str, str]]:
    """The `key: value` entries of a line; a value is quoted or ends at the next comma.

    Walks by hand: one regular expression for this takes quadratic time on hostile lines.
    """
    at, quotes_close = 0, True
    while (colon := line.find(":", at)) >= 0:
        start = colon
        while start > at and (line[start - 1].isalnum() or line[start - 1] in "_ -/"):
            start -= 1
        key = line[start:colon].lstrip(" -/")
        quoted = None
        if quotes_close and line[colon + 1 : colon + 3].lstrip()[:1] == '"':
            quoted = _QUOTED.match(line, colon + 1)
            quotes_close = quoted is not None or '",' in line[colon:]
        comma = line.find(",", colon)
        end = quoted.end() if quoted else len(line) if comma < 0 else comma + 1
        at = end if len(key) > 1 else colon + 1
        if len(key) > 1:
            yield key, quoted[1] if quoted else line[colon + 1 : end].removesuffix(",")


def tidy(text: str) -> str:
    """The prompt as it is saved: stripped at both ends, one kind of line end."""
    return _LINE_ENDS.sub("\n", text).strip()


def _quote(value: object) -> str:
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    if any(character in text for character in ",\n:") or text != text.strip() or text[:1] == '"':
        return json.dumps(text, ensure_ascii=False)
    return text


def _unquote(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return value if isinstance(value, str) else text
    return text


def _number(text: str) -> int | float | None:
    try:
        return int(text) if len(text) <= 20 else None
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None
