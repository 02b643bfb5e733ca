"""A file's tensors, told apart by the part of the model that they belong to."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from webui.core.errors import ModelFileError
from webui.core.model_files.entries import Tensor
from webui.core.model_files.header import Header
from webui.engine.families import TextPlan
from webui.engine.single_file import text_names, unet_names, vae_names

UNET, VAE = "UNet", "VAE"
"""What the parts are called, in every language."""

IGNORED = re.compile(
    r"betas|(alphas|sqrt|log|posterior)_\w+|logvar|lvlb_weights|ddim_\w+|global_step|scale_factor"
    r"|v_pred|ztsnr"
    r"|denoiser\.\w+"
    r"|(first_stage_model\.)?(loss|model_ema)\..+"
    r"|(cond_stage_model|conditioner\.embedders\.\d)\..*(position_ids|logit_scale|attn_mask)"
    r"|(cond_stage_model|conditioner\.embedders\.\d)\.(model\.)?visual\..+"
    r"|(cond_stage_model|conditioner\.embedders\.0)\.(transformer\.)?text_projection(\.weight)?"
    r"|cond_stage_model\.model\.(text_projection|transformer\.resblocks\.23\..+)"
    r"|(depth_model|embedding_manager|safety_checker)\..+"
)
"""Tensors that drawing needs not: of training, of pictures, and of layers that are not used."""

REFUSED = re.compile(r"edm_mean|edm_vpred\..+|(.+\.)?(scaled_fp8|scale_weight|scale_input)")
"""Marks of noise or of numbers that mean something else here: they would give wrong pictures."""


class Found(NamedTuple):
    """A tensor by the name that it has in its file."""

    header: Header
    name: str

    @property
    def entry(self) -> Tensor:
        """Its type, shape and place."""
        return self.header.tensors[self.name]


@dataclass(frozen=True)
class PartFile:
    """The tensors of one part, and the file that each is in.

    `stored` gives the file's name for a usual one, or None. `file` stands in messages.
    """

    label: str
    file: str
    homes: Mapping[str, Header]
    stored: Callable[[str], str | None]

    def find(self, name: str) -> Found | None:
        """A tensor by its usual name."""
        stored = self.stored(name)
        return None if stored is None else Found(self.homes[stored], stored)

    def width(self, name: str, dimension: int) -> int:
        """How long a tensor is in one of its dimensions.

        Raises:
            ModelFileError: the tensor is missing or has not so many dimensions.
        """
        found = self.find(name)
        if found is None:
            raise self.incomplete([name])
        shape = found.entry.shape
        if dimension >= len(shape) or not shape[dimension]:
            raise self.misshapen(found)
        return shape[dimension]

    def misshapen(self, found: Found, wanted: Sequence[int] | None = None) -> ModelFileError:
        """The error to raise when a tensor has not the shape that it should have."""
        return ModelFileError(
            "error.part_shape" if wanted is None else "error.part_shape_wanted",
            file=self.file,
            part=self.label,
            tensor=found.name,
            got=str(list(found.entry.shape)),
            **({} if wanted is None else {"wanted": str(list(wanted))}),
        )

    def incomplete(self, missing: Collection[str]) -> ModelFileError:
        """The error to raise when these tensors, by their usual names, are missing."""
        first = ", ".join(sorted(missing)[:3]) + (", …" if len(missing) > 3 else "")
        return ModelFileError(
            "error.part_incomplete",
            file=self.file,
            part=self.label,
            tensors=first,
            count=len(missing),
        )


def unet_part(header: Header, *, ema: bool = False) -> PartFile:
    """The UNet, or with `ema` the moving average of it; each if the file has nothing else.

    Raises:
        ModelFileError: the file has no UNet.
    """
    tensors, file = header.tensors, str(header.path)

    def average(name: str) -> str | None:
        stored = unet_names.ema_name(name)
        return stored if stored in tensors else None

    prefix = "" if "input_blocks.0.0.weight" in tensors else unet_names.PREFIX
    homes = dict.fromkeys(tensors, header)
    plain = PartFile(UNET, file, homes, _by_prefix(tensors, prefix, _usual_unet_name))
    averaged = PartFile(UNET, file, homes, average)
    choice = (averaged, plain) if ema else (plain, averaged)
    first = "input_blocks.0.0.weight"
    for part in choice:
        if part.stored(first):
            return part
    raise plain.incomplete([first])


def vae_part(header: Header) -> PartFile | None:
    """The autoencoder, in a checkpoint or in a file of its own; None without."""
    tensors = header.tensors
    prefixes = (vae_names.PREFIX, "vae.", "")
    for prefix in prefixes:
        if any(f"{prefix}{side}.conv_in.weight" in tensors for side in ("decoder", "encoder")):
            stored = _by_prefix(tensors, prefix, vae_names.usual_vae_name)
            return PartFile(VAE, str(header.path), dict.fromkeys(tensors, header), stored)
    return None


def text_part(header: Header, plan: TextPlan) -> PartFile | None:
    """A text encoder; None if the file has no tensor of it."""
    tensors = header.tensors
    held = (name for name in tensors if name.startswith(plan.prefix))
    if not any(not IGNORED.fullmatch(name) for name in held):
        return None
    usual = None if plan.open_clip else text_names.usual_clip_name
    stored = _by_prefix(tensors, plan.prefix, usual)
    return PartFile(plan.label, str(header.path), dict.fromkeys(tensors, header), stored)


def unknown(header: Header, used: Collection[str]) -> tuple[str, ...]:
    """Tensors that are neither used nor known to be needless, in the file's order."""
    averaged = any(name.startswith(unet_names.EMA_PREFIX) for name in used)
    twin = unet_names.PREFIX if averaged else unet_names.EMA_PREFIX
    return tuple(
        name
        for name in header.tensors
        if name not in used and not name.startswith(twin) and not IGNORED.fullmatch(name)
    )


def check_marks(header: Header) -> None:
    """Refuses files that carry a mark of what is not supported.

    Raises:
        ModelFileError: naming the mark.
    """
    for name in header.tensors:
        if REFUSED.fullmatch(name):
            raise ModelFileError("error.checkpoint_mark", file=str(header.path), tensor=name)


def _by_prefix(
    tensors: Mapping[str, Tensor], prefix: str, usual: Callable[[str], str] | None
) -> Callable[[str], str | None]:
    names = {name[len(prefix) :]: name for name in tensors if name.startswith(prefix)}
    if usual is not None:
        for name, stored in list(names.items()):
            names.setdefault(usual(name), stored)
    return names.get


def _usual_unet_name(name: str) -> str:
    # Consistency models that were brought back from diffusers' names keep one of them.
    return name.replace("time_embedding.cond_proj", "time_embed.cond_proj")
