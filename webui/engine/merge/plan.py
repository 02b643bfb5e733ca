"""What a merge writes, tensor by tensor, decided from the headers before a weight is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from webui.core.errors import Message, ModelFileError
from webui.core.merging import MergeOrder
from webui.core.model_files.entries import BITS, Tensor
from webui.core.model_files.header import Header
from webui.engine.merge.blocks import Weigh
from webui.engine.single_file.reading import DTYPES
from webui.engine.single_file.vae_names import PREFIX as VAE_PREFIX

STORED_AS = {"fp16": "F16", "bf16": "BF16", "fp32": "F32"}
VAE_TENSOR = re.compile(r"(encoder|decoder|quant_conv|post_quant_conv)\..+")
LATENT = 4
"""Channels of a latent; a UNet for inpainting takes in 9, one that follows instructions 8."""

NAMED = 3
"""How many tensors a note names."""


class Stored(NamedTuple):
    """A tensor by the name that it has in its file."""

    header: Header
    name: str

    @property
    def entry(self) -> Tensor:
        """Its type, shape and place."""
        return self.header.tensors[self.name]


Table = Mapping[str, Stored]
"""The tensors of a model, or of a part of one, by name."""


@dataclass(frozen=True)
class Step:
    """A tensor to write, in the number format `dtype`.

    sources: one is copied, two are summed with `weight` for the second, of three the second less
    the third is added. `partial`: only the first four input channels are merged.
    """

    name: str
    dtype: str
    sources: tuple[Stored, ...]
    weight: float = 0.0
    partial: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions, those of the first source."""
        return self.sources[0].entry.shape

    @property
    def size(self) -> int:
        """Bytes that are written."""
        return prod(self.shape) * BITS[self.dtype] // 8


def plan(
    order: MergeOrder, tables: Sequence[Table], weigh: Weigh
) -> tuple[list[Step], list[Message]]:
    """The steps, in the order of the first model's file, and what a person should know of them.

    Raises:
        ModelFileError: two tensors of one name differ in shape, or the models share none.
    """
    first, *others = tables
    steps: list[Step] = []
    lacking: list[str] = []
    for name, stored in sorted(first.items(), key=_place):
        step = Step(name, _dtype(order, stored), (stored,))
        if others and _is_weight(stored):
            found = tuple(table[name] for table in others if name in table)
            if len(found) < len(others):
                lacking.append(name)
            elif all(_is_weight(one) for one in found) and (weight := weigh(name)):
                step = _merged(step, found, weight)
        steps.append(step)
    if others and all(len(step.sources) == 1 for step in steps):
        shared = set(first).intersection(*others)
        if not any(_is_weight(first[name]) for name in shared):
            values = {"file": _file(first), "other": _file(others[0])}
            raise ModelFileError("error.merge_nothing_shared", **values)
    extra = [name for name in (others[0] if others else ()) if name not in first]
    notes = [_note("merge.kept", lacking), _note("merge.left_out", extra)]
    return steps, [note for note in notes if note]


def with_vae(order: MergeOrder, steps: list[Step], vae: Table) -> list[Step]:
    """The same with the autoencoder of another file, in a checkpoint of one file.

    Raises:
        ModelFileError: the tensors of the two have other names or shapes.
    """
    inner = {re.sub(r"^(first_stage_model|vae)\.", "", name): one for name, one in vae.items()}
    new = {
        VAE_PREFIX + name: one for name, one in sorted(inner.items()) if VAE_TENSOR.fullmatch(name)
    }
    old = {step.name: step for step in steps if step.name.startswith(VAE_PREFIX)}
    missing = [n for n in old if VAE_TENSOR.fullmatch(n[len(VAE_PREFIX) :]) and n not in new]
    if missing or VAE_PREFIX + "decoder.conv_in.weight" not in new:
        first = missing[0] if missing else VAE_PREFIX + "decoder.conv_in.weight"
        raise ModelFileError("error.merge_vae", field="vae", file=_file(vae), tensor=first)
    for name, stored in new.items():
        if name in old and core(old[name].shape) != core(stored.entry.shape):
            raise _misshapen(name, old[name].sources[0], stored)
    baked = [Step(name, _dtype(order, stored), (stored,)) for name, stored in new.items()]
    return [step for step in steps if step.name not in old] + baked


def core(shape: Sequence[int]) -> list[int]:
    """A shape without ones at its end: attention is stored as convolutions or as matrices."""
    lengths = list(shape)
    while lengths and lengths[-1] == 1:
        lengths.pop()
    return lengths


def _merged(step: Step, others: tuple[Stored, ...], weight: float) -> Step:
    first = step.sources[0]
    for one in others[1:]:
        if core(one.entry.shape) != core(others[0].entry.shape):
            raise _misshapen(step.name, others[0], one)
    a, b = first.entry.shape, others[0].entry.shape
    partial = False
    if core(a) != core(b):
        if len(a) != 4 or len(b) != 4 or (a[0], *a[2:]) != (b[0], *b[2:]):
            raise _misshapen(step.name, first, others[0])
        if a[1] == LATENT and b[1] in (8, 9):
            values = {"file": str(others[0].header.path), "got": b[1]}
            raise ModelFileError("error.merge_inpainting", field="primary", **values)
        if a[1] not in (8, 9) or b[1] != LATENT:
            raise _misshapen(step.name, first, others[0])
        partial = True
    return replace(step, sources=(first, *others), weight=weight, partial=partial)


def _is_weight(stored: Stored) -> bool:
    """Whether it is of a network: tables of the noise schedule stand at the top of a file."""
    return "." in stored.name and stored.entry.dtype in DTYPES


def _dtype(order: MergeOrder, stored: Stored) -> str:
    own = stored.entry.dtype
    return STORED_AS.get(order.precision, own) if _is_weight(stored) else own


def _place(item: tuple[str, Stored]) -> tuple[str, int]:
    return str(item[1].header.path), item[1].entry.begin


def _note(key: str, names: Sequence[str]) -> Message | None:
    if not names:
        return None
    more = ", …" if len(names) > NAMED else ""
    return Message(key, {"count": len(names), "tensors": ", ".join(names[:NAMED]) + more})


def _misshapen(name: str, first: Stored, second: Stored) -> ModelFileError:
    return ModelFileError(
        "error.merge_shape",
        tensor=name,
        file=str(first.header.path),
        other=str(second.header.path),
        got=str(list(first.entry.shape)),
        wanted=str(list(second.entry.shape)),
    )


def _file(table: Table) -> str:
    return next((str(stored.header.path) for stored in table.values()), "")
