"""Whether a batch fits into the worker's memory, judged before it is queued.

The largest moment of a job is either one UNet call over the whole batch (cond and uncond
together) or the decoding of one picture. Both grow with the pixels and with the width of the
network's top level, which its configuration names. The factors were fitted to the peak memory
of the starter model on a CPU, float32, at sizes from 256 to 2048 pixels and batches of 1 to 8;
they stay below all of these, as refusing what would fit is worse than a job that fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webui.core.errors import InvalidRequest, Message
from webui.core.hires_size import hires_size, size_field
from webui.core.request import GenerationRequest
from webui.services.models import LATENT_FACTOR, ModelEntry

BYTES = 4
UNET_COPIES = 20
"""Top-level feature maps alive at once in a UNet call: skips, input, output, workspace."""

VAE_COPIES = 7
USABLE = 0.9
GIGABYTE = 10**9


def bytes_needed(request: GenerationRequest, entry: ModelEntry) -> int:
    """Estimated peak memory of one batch, in bytes, without the weights."""
    cfg_scale, size = request.cfg_scale, (request.width, request.height)
    first = 0 if request.first_pass else _bytes_of_pass(request, entry, size, cfg_scale)
    if not request.hires:
        return first
    if request.hires_cfg_scale is not None:
        cfg_scale = request.hires_cfg_scale
    target = hires_size(request).target
    return max(first, _bytes_of_pass(request, entry, target, cfg_scale))


def _bytes_of_pass(
    request: GenerationRequest, entry: ModelEntry, size: tuple[int, int], cfg_scale: float
) -> int:
    pixels = size[0] * size[1]
    asked = 2 if cfg_scale > 1 else 1
    if entry.variant == "ip2p" and request.image_cfg_scale != 1:
        asked = 3
    latents = pixels // LATENT_FACTOR**2 * request.batch_size * asked
    unet = latents * _top_width(entry.unet, 320) * BYTES * UNET_COPIES
    vae = pixels * _top_width(entry.vae, 128) * BYTES * VAE_COPIES
    pictures = pixels * 3 * (BYTES + 1) * request.batch_size
    return max(unet, vae) + pictures


def check_fits(request: GenerationRequest, entry: ModelEntry, memory: int | None) -> None:
    """Refuses a batch that would not fit into `memory` bytes; None lets everything pass.

    Raises:
        InvalidRequest: with the size of the largest batch that fits, or that none does.
    """
    if memory is None or bytes_needed(request, entry) <= memory * USABLE:
        return
    fitting = max(
        (
            size
            for size in range(1, request.batch_size)
            if bytes_needed(request.model_copy(update={"batch_size": size}), entry)
            <= memory * USABLE
        ),
        default=0,
    )
    values = {
        "needed": f"{bytes_needed(request, entry) / GIGABYTE:.1f}",
        "has": f"{memory / GIGABYTE:.1f}",
        "fits": fitting,
    }
    if fitting:
        raise InvalidRequest(Message("error.batch_too_big", values, "batch_size"))
    plain = request.model_copy(update={"hires": False, "batch_size": 1})
    if request.hires and bytes_needed(plain, entry) <= memory * USABLE:
        raise InvalidRequest(Message("error.hires_too_big", values, size_field(request)))
    raise InvalidRequest(Message("error.picture_too_big", values, "width"))


def _top_width(config: Mapping[str, Any], fallback: int) -> int:
    widths = config.get("block_out_channels")
    if isinstance(widths, list) and widths and isinstance(widths[0], int):
        return widths[0]
    return fallback
