"""From the bytes of a picture to request fields: tries what each program writes, best first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import ValidationError

from webui.core import infotext
from webui.core.request import PARAMETERS, GenerationRequest
from webui.services.metadata import comfyui, invokeai, novelai
from webui.services.metadata.containers import Container, open_container
from webui.services.metadata.exif import TEXT_TAGS, USER_COMMENT_KEY
from webui.services.metadata.plain import loads, mapping
from webui.services.metadata.stealth import hidden_text
from webui.services.picture_files import PARAMETERS_CHUNK, REQUEST_CHUNK

Source = Literal["inkstone", "webui", "novelai", "invokeai", "comfyui", "none"]

STEALTH = "stealth"
"""Key under which a text that was hidden in the pixels is shown."""

OWN_TO_A_SERVER = ("first_pass", "init_image", "mask", "batch_size", "batch_count")
"""Fields of our copy that mean nothing elsewhere, or are not one picture's."""

SEEN = frozenset(
    {"prompt", "negative_prompt", "steps", "sampler", "cfg_scale", "seed", "width", "height"}
)
"""Fields by which an edited text is told from the one that was written with the copy."""


@dataclass(frozen=True)
class PictureMetadata:
    """What a picture says. `values` are request fields as they were found, not checked yet.

    `exact`: they come from our copy of the request. `infotext` is "" for programs that write
    none. `assumed` and `unknown` are those of `infotext.Fields`. `model_hash`: of the checkpoint.
    """

    source: Source = "none"
    infotext: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False
    assumed: tuple[str, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    model_hash: str = ""
    chunks: tuple[tuple[str, str], ...] = ()
    format: str = ""
    size: tuple[int, int] = (0, 0)


def read_metadata(data: bytes) -> PictureMetadata | None:
    """Everything a picture says; None when `data` is no picture. Never raises.

    Only headers are decoded; pixels, within bounds, when no header says anything.
    """
    container = open_container(data)
    if container is None:
        return None
    found = _read(container)
    if found.source == "none":
        hidden = hidden_text(data)
        if hidden is not None:
            container = replace(container, texts=(*container.texts, (STEALTH, hidden)))
            found = _hidden(hidden)
    size = (container.width, container.height)
    return replace(found, chunks=container.texts, format=container.format, size=size)


def read_text(text: str) -> PictureMetadata:
    """What a pasted infotext says; a prompt alone is an infotext as well. Never raises."""
    return _said(infotext.parse(text), text)


def _said(parsed: infotext.Infotext, text: str) -> PictureMetadata:
    fields = parsed.fields()
    return PictureMetadata(
        "webui" if parsed.settings else "none",
        text.strip()[: infotext.MAX_CHARACTERS],
        fields.values,
        False,
        fields.assumed,
        fields.unknown,
        parsed.settings.get("Model hash", ""),
    )


def _read(container: Container) -> PictureMetadata:
    texts = dict(reversed(container.texts))
    written = texts.get(PARAMETERS_CHUNK) or texts.get(USER_COMMENT_KEY) or ""
    plain = _plain(written or texts.get("comment", ""))
    copied = _copied(mapping(loads(texts.get(REQUEST_CHUNK, ""))), plain)
    if copied or plain.source != "none":
        return copied or plain
    novel = _novelai(texts.get("Comment", ""))
    if novel:
        return novel
    for key, source, reader in READERS:
        values = reader(texts[key]) if key in texts else None
        if values:
            return PictureMetadata(source, values=values)
    for key in TEXT_TAGS.values():
        graph = texts.get(key, "").removeprefix("prompt:")
        values = comfyui.read_graph(graph) if graph.startswith("{") else None
        if values:
            return PictureMetadata("comfyui", values=values)
    return PictureMetadata()


Reader = Callable[[str], "dict[str, Any] | None"]
READERS: tuple[tuple[str, Source, Reader], ...] = (
    ("invokeai_metadata", "invokeai", invokeai.read_current),
    ("sd-metadata", "invokeai", invokeai.read_older),
    ("Dream", "invokeai", invokeai.read_dream),
    ("prompt", "comfyui", comfyui.read_graph),
)
"""By the key of the chunk that a program writes."""


def _plain(text: str) -> PictureMetadata:
    """A text of the incumbent's form; source "none" when it is something else."""
    parsed = infotext.parse(text)
    return _said(parsed, text) if parsed.settings else PictureMetadata()


def _copied(copy: Mapping[str, Any], plain: PictureMetadata) -> PictureMetadata | None:
    """Our copy of the request, which wins over the text.

    None when it is no valid request, or when somebody edited the text since: then the text is
    what people see, and what they mean. Fields of newer versions are told.
    """
    values = {name: value for name, value in copy.items() if name in PARAMETERS}
    try:
        request = GenerationRequest(**values)
    except ValidationError:
        return None
    if not values or not _agree(request, plain):
        return None
    for name in OWN_TO_A_SERVER:
        values.pop(name, None)
    unknown = [(str(k), str(v)[:200]) for k, v in copy.items() if k not in PARAMETERS]
    return replace(
        plain, source="inkstone", values=values, exact=True, assumed=(), unknown=tuple(unknown)
    )


def _agree(request: GenerationRequest, plain: PictureMetadata) -> bool:
    """Whether the text says what the request says, as far as it says anything."""
    named = set(plain.values) - set(plain.assumed)
    written = infotext.relevant(request)
    return all(plain.values[name] == written.get(name) for name in named & SEEN)


def _novelai(comment: str) -> PictureMetadata | None:
    found = novelai.read_comment(comment)
    return PictureMetadata("novelai", values=found[0], unknown=found[1]) if found else None


def _hidden(text: str) -> PictureMetadata:
    """A hidden text is an infotext, or NovelAI's JSON with its `Comment` inside."""
    comment = mapping(loads(text)).get("Comment")
    return _novelai(comment if isinstance(comment, str) else "") or _plain(text)
