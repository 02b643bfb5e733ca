"""The text saved with a picture ("parameters"), in the form that users of the field know.

    prompt, any number of lines
    Negative prompt: text, any number of lines
    Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x512, …

`parse` accepts any string. A prompt may itself look like infotext; `format` then marks where the
prompt ends with a "Prompt lines" entry, so that parse(format(request)) gives the request again.
"""

from __future__ import annotations

from webui.core.infotext.reading import Fields, Infotext, parse
from webui.core.infotext.syntax import MAX_CHARACTERS, legible, tidy
from webui.core.infotext.writing import format, relevant, schedule_label

__all__ = [
    "MAX_CHARACTERS",
    "Fields",
    "Infotext",
    "format",
    "legible",
    "parse",
    "relevant",
    "schedule_label",
    "tidy",
]
