"""Samplers, schedules and upscalers by display name, with their flags. Registered without torch.

A row names its function as "package.module:function"; only the worker resolves it. The
engine's functions have the forms given in `webui.engine.samplers` and `webui.engine.schedules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from webui.core.builtin import SAMPLER_ROWS, SCHEDULE_ROWS, UPSCALER_ROWS
from webui.core.errors import InkstoneError
from webui.core.specs import SamplerSpec, ScheduleSpec, UpscalerSpec

__all__ = [
    "AUTOMATIC",
    "BUILTIN",
    "Catalogue",
    "SamplerSpec",
    "ScheduleSpec",
    "UpscalerSpec",
    "build",
]

AUTOMATIC = "Automatic"


@dataclass(frozen=True)
class Catalogue:
    """All that this installation offers by name, in the order of the menus."""

    samplers: Mapping[str, SamplerSpec]
    schedules: Mapping[str, ScheduleSpec]
    upscalers: Mapping[str, UpscalerSpec]

    def split(self, sampler: str, schedule: str = AUTOMATIC) -> tuple[str, str]:
        """Display names for what people write: aliases, any case, "DPM++ 2M Karras".

        What is not known comes back unchanged, for the caller to refuse.
        """
        found_schedule = self._schedule(schedule) or schedule
        found = self._sampler(sampler)
        if found:
            return found, found_schedule
        head, _, tail = sampler.rpartition(" ")
        while head:
            known_head, known_tail = self._sampler(head), self._schedule(tail)
            if known_head and known_tail:
                return known_head, known_tail
            head, _, word = head.rpartition(" ")
            tail = f"{word} {tail}"
        return sampler, found_schedule

    def _sampler(self, name: str) -> str | None:
        return _find(self.samplers.values(), name)

    def _schedule(self, name: str) -> str | None:
        return AUTOMATIC if _key(name) == _key(AUTOMATIC) else _find(self.schedules.values(), name)


def _find(rows: Iterable[SamplerSpec | ScheduleSpec], name: str) -> str | None:
    wanted = _key(name)
    return next((r.name for r in rows if wanted in map(_key, (r.name, *r.aliases))), None)


def _key(name: str) -> str:
    return name.casefold().replace("_", " ").strip()


def build(
    samplers: Iterable[SamplerSpec],
    schedules: Iterable[ScheduleSpec],
    upscalers: Iterable[UpscalerSpec] = UPSCALER_ROWS,
) -> Catalogue:
    """A catalogue of these rows; a name used twice is an error that names both owners."""
    return Catalogue(_by_name(samplers), _by_name(schedules), _by_name(upscalers))


Row = TypeVar("Row", SamplerSpec, ScheduleSpec, UpscalerSpec)


def _by_name(rows: Iterable[Row]) -> Mapping[str, Row]:
    table: dict[str, Row] = {}
    for row in rows:
        if row.name in table:
            first = table[row.name].target
            raise InkstoneError("error.name_taken", name=row.name, first=first, second=row.target)
        table[row.name] = row
    return MappingProxyType(table)


BUILTIN = build(SAMPLER_ROWS, SCHEDULE_ROWS)
