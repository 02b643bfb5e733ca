"""All that a job draws with: its models, the plans of its passes, and the way between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from webui.core.catalogue import Catalogue
from webui.core.errors import InkstoneError
from webui.core.hires_size import hires_size
from webui.core.passes import further_models, pass_steps
from webui.core.request import GenerationRequest
from webui.engine.beginning import StartPicture, start_picture
from webui.engine.bundle import ModelBundle
from webui.engine.hires import Enlarger, enlarger, finished_picture
from webui.engine.inpainting.blending import Kept
from webui.engine.latents import Pixels, decode
from webui.engine.memory import Memory
from webui.engine.plan import Pass, Plan, first_pass, hires_pass, make_plan
from webui.engine.refiner import refines
from webui.engine.sd_upscale.tiles import Tiles
from webui.engine.text_encoder import PromptEncoder
from webui.engine.upscale import Enlarge

Loaded = tuple[ModelBundle, PromptEncoder]


@dataclass(frozen=True, eq=False)
class Resources:
    """What a job was given: its model, further ones by name, and encoded pictures by field.

    upscalers: what enlarges pictures beside the catalogue's, by name.
    """

    own: Loaded
    others: Mapping[str, Loaded]
    images: Mapping[str, bytes]
    upscalers: Mapping[str, Enlarge] = field(default_factory=dict)

    def model(self, request: GenerationRequest, field: str) -> Loaded:
        """The checkpoint that this field names; the request's own where it names none."""
        name = further_models(request).get(field)
        return self.own if name is None else self.others[name]

    def encoders(self) -> list[PromptEncoder]:
        """The text encoders of all models."""
        return [self.own[1], *(encoder for _, encoder in self.others.values())]

    def bundles(self) -> list[ModelBundle]:
        """All models."""
        return [self.own[0], *(bundle for bundle, _ in self.others.values())]


@dataclass(frozen=True, eq=False)
class Leg:
    """One pass: its plan, and the plan of the model that takes over on the way, if any."""

    plan: Plan
    refiner: Plan | None


@dataclass(frozen=True, eq=False)
class Hires:
    """What comes after the first pass.

    finished: the picture, (H, W, 3), that takes the first pass's place. second: None where a
    denoising strength of 0 leaves the enlarged picture as it is.
    """

    enlarger: Enlarger
    finished: Pixels | None
    second: Leg | None


@dataclass(frozen=True, eq=False)
class Drawing:
    """The passes of a job, and the picture that it begins with, if any.

    With SD upscale this is the drawing of a picture's tiles, and what is said of the pictures of
    a batch is meant of them.
    """

    first: Leg
    hires: Hires | None
    batch_size: int
    start: StartPicture | Tiles | None = None

    @property
    def pictures_at_once(self) -> int:
        """The batch size, or less of it where the device is not to be filled."""
        return min(
            plan.bundle.memory.budget.pictures_at_once(
                self.batch_size,
                plan.this.width * plan.this.height // plan.bundle.vae_factor**2,
                int(plan.bundle.unet.config["block_out_channels"][0]),
                plan.bundle.device.dtype.itemsize,
            )
            for plan in self._plans()
        )

    def begin(self, request: GenerationRequest, indices: Sequence[int]) -> Tensor | None:
        """The latents that the first pass of a batch begins with; None for pure noise."""
        return None if self.start is None else self.start.batch(request, indices)

    def first_of(self, begun: Tensor | None) -> Leg:
        """The first pass of a batch. A tile's model is shown its own tile beside the latents."""
        if begun is None or not isinstance(self.start, Tiles):
            return self.first
        plan, refiner = self.first.plan, self.first.refiner
        return Leg(_showing(plan, begun), _showing(refiner, begun) if refiner else None)

    def kept(self, begun: Tensor | None) -> Kept | None:
        """What the first pass keeps of what it begins with; None where all is painted."""
        return None if self.start is None or begun is None else self.start.kept(begun)

    def picture(self, request: GenerationRequest, index: int, latent: Tensor) -> Pixels:
        """Picture `index` of the job, (H, W, 3), from its latent after all passes, (C, h, w).

        Raises:
            InkstoneError: if the latent or the picture is not finite.
        """
        pixels = decode(self.last_bundle, latent)
        if self.start is None:
            return pixels
        return self.start.finished(request, pixels, index, latent)

    def _plans(self) -> list[Plan]:
        legs = [self.first, *([self.hires.second] if self.hires and self.hires.second else [])]
        return [plan for leg in legs for plan in (leg.plan, leg.refiner) if plan is not None]

    @property
    def memory(self) -> Memory:
        """The memory of the device that draws."""
        return self.first.plan.bundle.memory

    @property
    def last_bundle(self) -> ModelBundle:
        """The model whose VAE decodes the pictures."""
        return self.hires.enlarger.goal if self.hires else self.first.plan.bundle


def make_drawing(
    resources: Resources,
    request: GenerationRequest,
    sigmas: Tensor | None,
    catalogue: Catalogue,
    tiles: Tiles | None = None,
) -> Drawing:
    """Plans all passes of the request. `sigmas` replaces the first pass's row.

    tiles: what is drawn instead of the start picture as a whole.

    Raises:
        InkstoneError: for unknown names, models that do not fit together, or a picture to begin
            with or to be enlarged that is not there.
    """
    start = None
    if tiles is not None:
        start = tiles.example()
    elif request.init_image:
        start = start_picture(resources.own[0], request, resources.images)

    def leg(this: Pass, field: str, row: Tensor | None = None) -> Leg:
        bundle, encoder = resources.model(request, field)
        plan = make_plan(bundle, request, encoder, row, catalogue, this=this, start=start)
        if not refines(request, second=this.second):
            return Leg(plan, None)
        other, its_encoder = resources.model(request, "refiner_checkpoint")
        check_latents(bundle, other, "refiner_checkpoint")
        its_plan = make_plan(other, request, its_encoder, row, catalogue, this=this, start=start)
        return Leg(plan, its_plan)

    first = leg(first_pass(request), "checkpoint", sigmas)
    hires = second = None
    if request.hires:
        finished = finished_picture(request, resources.images) if request.first_pass else None
        goal, _ = resources.model(request, "hires_checkpoint")
        way = enlarger(resources.own[0], goal, request, catalogue, resources.upscalers)
        if way.spec.latent:
            check_latents(way.source, goal, "hires_checkpoint")
        if pass_steps(request)[1]:
            size = hires_size(request).target
            second = leg(hires_pass(request, *size, catalogue), "hires_checkpoint")
        hires = Hires(way, finished, second)
    legs = [first, *([second] if second else [])]
    alone = any(one.plan.spec.one_by_one for one in legs)
    return Drawing(first, hires, 1 if alone else request.batch_size, tiles or start)


def _showing(plan: Plan, begun: Tensor) -> Plan:
    """The plan for a batch that begins with these latents, where its model is shown them."""
    if plan.bundle.variant != "ip2p":
        return plan
    return replace(plan, beside=begun / plan.bundle.latent_scale)


def check_latents(mine: ModelBundle, other: ModelBundle, field: str) -> None:
    """Refuses a model that is to go on with latents of another kind than its own.

    Raises:
        InkstoneError: naming both models, for the field that names the other.
    """
    kinds = [
        (bundle.latent_channels, bundle.vae_factor, bundle.family.latent_scale)
        for bundle in (mine, other)
    ]
    if kinds[0] != kinds[1]:
        raise InkstoneError("error.models_differ", field=field, name=other.name, first=mine.name)
