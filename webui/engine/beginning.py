"""`StartPicture`: what a job begins with, in pixels and in latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from webui.core.errors import Message
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.inpainting.blending import Kept
from webui.engine.inpainting.painting import Repaint, repaint_of
from webui.engine.latents import Pixels, encode, latent_shape
from webui.engine.start_picture.color import color_corrected
from webui.engine.start_picture.reading import flattened, picture
from webui.engine.start_picture.resizing import brought, just_resized
from webui.engine.upscale import Size, latent_bilinear

LATENT_UPSCALE = "Just resize (latent upscale)"


@dataclass(frozen=True, eq=False)
class StartPicture:
    """The picture that all pictures of a job begin with.

    pixels: (H, W, 3) at the size that is drawn. latents: (1, C, h, w), the same without noise.
    repaint: the part that is painted, None for all. remarks: what the person should know.
    """

    pixels: Pixels
    latents: Tensor
    repaint: Repaint | None = None
    remarks: tuple[Message, ...] = ()

    def batch(self, request: GenerationRequest, indices: Sequence[int]) -> Tensor:
        """The latents that a batch begins with, (B, C, h, w)."""
        if self.repaint is None:
            return self.latents.expand(len(indices), -1, -1, -1)
        return self.repaint.content_of(self.latents, request, indices)

    def kept(self, begun: Tensor) -> Kept | None:
        """What each step keeps of the latents of a batch; None where all is painted."""
        return None if self.repaint is None else self.repaint.kept(begun)

    def finished(
        self, request: GenerationRequest, drawn: Pixels, index: int, latent: Tensor
    ) -> Pixels:
        """What becomes of picture `index` that was drawn, (H, W, 3), from its latent, (C, h, w)."""
        if request.color_correction:
            drawn = color_corrected(drawn, self.pixels)
        if self.repaint is None:
            return drawn
        return self.repaint.laid(drawn, self.batch(request, (index,)), latent[None])


def encoded_picture(bundle: ModelBundle, original: Pixels, size: Size) -> Tensor:
    """Latents of `size`, (width, height) in pixels, from a picture that is encoded as it is.

    Its own size is brought to whole latent cells, and the latents to theirs. (1, C, h, w).

    Raises:
        InkstoneError: if the latents are not finite.
    """
    cell = bundle.vae_factor
    height, width = (max(side // cell, 1) * cell for side in original.shape[:2])
    latents = encode(bundle, just_resized(original, (width, height)))[None]
    _, rows, columns = latent_shape(bundle, *size)
    return latent_bilinear(latents, (columns, rows))


def start_picture(
    bundle: ModelBundle, request: GenerationRequest, images: Mapping[str, bytes]
) -> StartPicture:
    """The request's start picture at the size that is drawn, encoded by the bundle's VAE.

    Where a part of it is painted, pixels are resized, not latents, whatever the resize mode.

    Raises:
        InkstoneError: it is not there, is no picture, or its latents are not finite.
    """
    image = picture(images, "init_image", request.init_image)
    original = flattened(image, request.background_color)
    size = (request.width, request.height)
    remarks: tuple[Message, ...] = ()
    if request.repaints:
        _, rows, columns = latent_shape(bundle, *size)
        mask = picture(images, "mask", request.mask) if request.mask else None
        place = bundle.device.torch_device
        repaint = repaint_of(request, original, mask, (columns, rows), place)
        if repaint is not None:
            seen = repaint.shown.pixels
            return StartPicture(seen, encode(bundle, seen)[None], repaint, repaint.remarks)
        remarks = (Message("remark.mask_empty", {}, "mask"),)
    pixels = brought(original, size, request.resize_mode)
    if request.resize_mode == LATENT_UPSCALE:
        return StartPicture(pixels, encoded_picture(bundle, original, size), remarks=remarks)
    return StartPicture(pixels, encode(bundle, pixels)[None], remarks=remarks)
