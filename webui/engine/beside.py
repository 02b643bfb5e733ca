"""What some models are shown beside the latents, where nobody gave them a picture."""

from __future__ import annotations

import torch
from torch import Tensor

from webui.core.errors import InkstoneError
from webui.engine.bundle import ModelBundle
from webui.engine.latents import encode_finite, latent_shape


def shown_beside(bundle: ModelBundle, width: int, height: int) -> Tensor | None:
    """(1, C', h, w) of a picture of this size in pixels; None for models that take no more.

    A model for inpainting draws anew what its mask covers: here all of a grey picture, as users
    of stable-diffusion-webui know it.

    Raises:
        InkstoneError: for models that only change pictures.
    """
    if bundle.variant == "base":
        return None
    if bundle.variant != "inpaint":
        raise InkstoneError("error.model_needs_picture", field="checkpoint", name=bundle.name)
    _, rows, columns = latent_shape(bundle, width, height)
    place = bundle.device.torch_device
    grey = encode_finite(bundle, torch.zeros(3, height, width, device=place))
    mask = torch.ones(1, rows, columns, device=place)
    return torch.cat([mask, grey])[None]
