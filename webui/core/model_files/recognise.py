"""What a model file is, from the names and shapes of its tensors and from its metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from webui.core.model_files.adapters import adapter_of, family_of_adapter, layout_of_adapter
from webui.core.model_files.content import refuse_other_content
from webui.core.model_files.foreign import foreign_family
from webui.core.model_files.glance import glance
from webui.core.model_files.hints import distilled_of, narrowed, prediction_of
from webui.core.model_files.listing import Described, Listing
from webui.core.model_files.parts import (
    controlnet_of,
    embedding_of,
    ip_adapter_of,
    other_adapter_of,
    taesd_of,
    text_encoder_of,
    vae_of,
)
from webui.core.model_files.recognition import Layout, Part, Recognition, UnetForm
from webui.core.model_files.unet import (
    LDM_PREFIXES,
    diffusers_unet,
    family_of_unet,
    ldm_unet,
    variant_of_unet,
)
from webui.core.model_files.upscalers import upscaler_of

PARTS: tuple[tuple[Part, tuple[str, ...]], ...] = (
    ("vae", ("first_stage_model.decoder.", "vae.decoder.")),
    (
        "text_encoder",
        (
            "cond_stage_model.",
            "conditioner.embedders.0.transformer.",
            "conditioner.embedders.0.model.",
            "text_encoders.clip_l.",
        ),
    ),
    ("text_encoder_2", ("conditioner.embedders.1.model.", "text_encoders.clip_g.")),
    ("ema", ("model_ema.",)),
)
"""Parts of a single-file checkpoint besides the UNet, by how their names begin."""


def recognise(described: Described) -> Recognition:
    """What the file is; of kind "unknown" if it is nothing that is known here.

    Takes a glance, a header, or the headers of a model in several files.
    """
    listing = Listing.of(described)
    for recogniser in _recognisers():
        found = recogniser(described, listing)
        if found is not None:
            return replace(found, dtypes=listing.dtypes())
    return Recognition("unknown", dtypes=listing.dtypes())


def recognise_file(path: Path) -> Recognition:
    """Looks at a file, whatever its suffix, and says what it is.

    Raises:
        ModelFileError: it is no safetensors file (the message says what it is instead: a pickle,
            a web page ...), or a damaged one.
    """
    refuse_other_content(path)
    return recognise(glance(path))


Recogniser = Callable[[Described, Listing], "Recognition | None"]


def _recognisers() -> tuple[Recogniser, ...]:
    """In an order in which none takes what a later one knows better; the quick ones first."""
    return (
        lambda _, listing: embedding_of(listing),
        lambda _, listing: controlnet_of(listing),
        _foreign,
        _model,
        _vae,
        lambda _, listing: text_encoder_of(listing),
        _upscaler,
        _taesd,
        lambda _, listing: ip_adapter_of(listing),
        _adapter,
        lambda _, listing: other_adapter_of(listing),
    )


def _adapter(described: Described, listing: Listing) -> Recognition | None:
    adapter = adapter_of(listing)
    if adapter is None:
        return None
    family = family_of_adapter(listing, described.metadata)
    return Recognition(
        "lora",
        layout_of_adapter(listing),
        (family,) if family else (),
        adapter=adapter,
        distilled=distilled_of(described.metadata, described.path.stem, None),
    )


def _vae(described: Described, listing: Listing) -> Recognition | None:
    return _narrowed(vae_of(listing), described)


def _taesd(described: Described, listing: Listing) -> Recognition | None:
    return _narrowed(taesd_of(listing), described)


def _narrowed(found: Recognition | None, described: Described) -> Recognition | None:
    if found is None:
        return None
    families = narrowed(found.families, described.metadata, described.path.stem)
    return replace(found, families=families)


def _foreign(_: Described, listing: Listing) -> Recognition | None:
    family = foreign_family(listing)
    return Recognition("checkpoint", families=(family,)) if family else None


def _upscaler(_: Described, listing: Listing) -> Recognition | None:
    upscaler = upscaler_of(listing)
    return Recognition("upscaler", upscaler=upscaler) if upscaler else None


def _model(described: Described, listing: Listing) -> Recognition | None:
    form, layout = _unet(listing)
    if form is None:
        return None
    family = family_of_unet(form)
    parts = parts_of(listing)
    name = described.path.stem
    return Recognition(
        kind="checkpoint" if len(parts) > 1 else "unet",
        layout=layout,
        families=(family,) if family else (),
        variant=variant_of_unet(form, family, listing),
        parts=parts,
        prediction=prediction_of(listing, described.metadata, family, form),
        distilled=distilled_of(described.metadata, name, form),
        unet=form,
        latent_channels=form.out_channels,
    )


def _unet(listing: Listing) -> tuple[UnetForm | None, Layout]:
    for prefix in LDM_PREFIXES:
        form = ldm_unet(listing.under(prefix))
        if form is not None:
            return form, "ldm"
    return diffusers_unet(listing), "diffusers"


def parts_of(listing: Listing) -> frozenset[Part]:
    """The UNet and what a single file has besides it."""
    besides = {part for part, starts in PARTS if any(listing.any_under(s) for s in starts)}
    return frozenset({"unet", *besides})
