"""What some models are shown beside the latents."""

from __future__ import annotations

import torch
from torch import Tensor

from webui.core.errors import InkstoneError
from webui.engine.beginning import StartPicture
from webui.engine.bundle import ModelBundle
from webui.engine.inpainting.painting import cells_of
from webui.engine.latents import encode_finite, latent_shape


def shown_beside(
    bundle: ModelBundle, width: int, height: int, start: StartPicture | None = None
) -> Tensor | None:
    """(1, C', h, w) of a picture of this size in pixels; None for models that take no more.

    A model for instructions (Brooks et al. 2023, "InstructPix2Pix") is shown the start picture,
    as its VAE gives it, without the family's scale. A model for inpainting draws anew what its
    mask covers: without a mask all of a grey picture, as users of stable-diffusion-webui know it.

    Raises:
        InkstoneError: for models that only change pictures, without one, and for those that are
            told how far away things are.
    """
    if bundle.variant == "base":
        return None
    if bundle.variant == "depth":
        raise InkstoneError("error.model_needs_depth", field="checkpoint", name=bundle.name)
    if bundle.variant == "ip2p":
        if start is None:
            raise InkstoneError("error.model_needs_picture", field="checkpoint", name=bundle.name)
        return start.latents / bundle.latent_scale
    _, rows, columns = latent_shape(bundle, width, height)
    place = bundle.device.torch_device
    if start is not None and start.repaint is not None:
        told, picture = start.repaint.told()
        seen = encode_finite(bundle, picture.to(place))[None]
        return torch.cat([cells_of(told, (rows, columns)).to(seen), seen], dim=1)
    grey = encode_finite(bundle, torch.zeros(3, height, width, device=place))
    mask = torch.ones(1, rows, columns, device=place)
    return torch.cat([mask, grey])[None]


def asks_blind(bundle: ModelBundle, image_cfg_scale: float) -> bool:
    """Whether a model is also to be asked without the picture that it is shown."""
    return bundle.variant == "ip2p" and image_cfg_scale != 1
