"""What a caller hears of its job while it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from webui.core.errors import Message
from webui.core.events import Phase
from webui.engine.latents import Pixels
from webui.engine.samplers import StepEvent

Indices = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Picture:
    """A finished picture: its place in the job, its seed, and (H, W, 3) pixels.

    extra: entries of the infotext that only the engine knows. alpha: H * W bytes of a picture
    that is not opaque everywhere.
    """

    index: int
    seed: int
    pixels: Pixels
    extra: Mapping[str, str] = field(default_factory=dict)
    alpha: bytes | None = None


class Watcher:
    """What a caller may want to hear, and its chance to stop: every method does nothing.

    Raising `Cancelled` from any method ends the job; raising `Skipped` from `on_step` gives up
    that batch alone.
    """

    def on_phase(self, phase: Phase, index: int) -> None:
        """A phase of the batch that begins with picture `index` begins."""

    def on_step(self, indices: Indices, event: StepEvent) -> None:
        """A step of the batch with these pictures is done."""

    def on_tiles(self, index: int, tiles: Indices, count: int) -> None:
        """These of the `count` tiles of picture `index` are drawn now; steps are theirs."""

    def on_picture(self, picture: Picture) -> None:
        """A picture is finished."""

    def on_remark(self, message: Message) -> None:
        """Something that the person should know although the job goes on."""

    def on_skipped(self, indices: Indices) -> None:
        """These pictures will not be made."""
