"""A module before it has its weights."""

from __future__ import annotations

from functools import partial
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from webui.engine.device import Device
from webui.engine.single_file.contents import PartFile
from webui.engine.single_file.origins import Origins
from webui.engine.single_file.reading import Wanted

Module = TypeVar("Module", bound=nn.Module)
POSITIONS = "position_ids"


class Shell(Generic[Module]):
    """A module on the meta device, and the tensors that it is to get.

    Raises:
        ModelFileError: the file lacks tensors of the part, or one has another shape.
    """

    def __init__(self, module: Module, origins: Origins, part: PartFile) -> None:
        self.module = module
        self._state: dict[str, Tensor] = {}
        self._part = part
        self.wanted = self._find(origins, part)

    @property
    def spare(self) -> tuple[str, ...]:
        """What the part's files hold beside it; only of use where they hold one part alone."""
        used = {one.found.name for one in self.wanted}
        return tuple(
            name for name in self._part.homes if name not in used and not name.endswith(POSITIONS)
        )

    def fill(self, device: Device) -> Module:
        """The module with what was read."""
        self.module.load_state_dict(self._state, assign=True)
        self._state.clear()
        for owner in self.module.modules():
            # Not a weight, so no file holds it: it is still on the meta device.
            if POSITIONS in owner._buffers:
                count = owner.get_buffer(POSITIONS).shape[-1]
                positions = torch.arange(count, device=device.weights_at)[None]
                owner.register_buffer(POSITIONS, positions, persistent=False)
        self.module.requires_grad_(False).eval()
        return self.module

    def _find(self, origins: Origins, part: PartFile) -> list[Wanted]:
        missing: set[str] = set()
        wanted: list[Wanted] = []
        for name, tensor in self.module.state_dict().items():
            origin = origins[name]
            found = part.find(origin.name)
            if found is None:
                missing.add(origin.name)
                continue
            give = partial(self._state.__setitem__, name)
            wanted.append(Wanted(found, origin.piece, tuple(tensor.shape), give))
        if missing:
            raise part.incomplete(missing)
        for one in wanted:
            if not one.fits():
                raise part.misshapen(one.found, one.shape)
        return wanted
