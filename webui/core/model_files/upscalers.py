"""Upscalers: the architecture by tensors that only it has, the scale by the shapes of its end."""

from __future__ import annotations

from math import isqrt

from webui.core.model_files.listing import Listing
from webui.core.model_files.recognition import Upscaler

WRAPPINGS = ("", "params_ema.", "params.", "module.")

ARCHITECTURES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("HAT", ("layers.0.residual_group.overlap_attn.relative_position_bias_table",)),
    ("SwinIR", ("conv_first.weight", "layers.0.residual_group.blocks.0.norm1.weight")),
    ("RGT", ("conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.gamma")),
    ("DAT", ("conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.norm1.weight")),
    ("OmniSR", ("residual_layer.0.residual_layer.0.layer.0.fn.0.weight", "up.0.weight")),
    ("SPAN", ("conv_1.sk.weight", "block_1.c1_r.sk.weight")),
    ("SPANPlus", ("feats.0.eval_conv.weight",)),
    ("RealPLKSR", ("feats.0.weight", "feats.1.refine.weight")),
    ("ESRGAN", ("conv_first.weight", "body.0.rdb1.conv1.weight")),
    ("ESRGAN", ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight")),
    ("ESRGAN", ("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight")),
    ("Compact", ("body.0.weight", "body.1.weight", "body.2.weight")),
    ("SCUNet", ("m_head.0.weight", "m_tail.0.weight")),
)
"""Name, and the tensors that only it has; the particular ones before the general ones."""

LAST_CONVOLUTIONS = ("upsample.0.weight", "upsampler.0.weight", "up.0.weight", "to_img.0.weight")
PICTURE = 3
MOST_BLOCKS = 128


def upscaler_of(listing: Listing) -> Upscaler | None:
    """The architecture and scale, None if it is no upscaler that is known."""
    for wrapping in WRAPPINGS:
        part = listing.under(wrapping)
        for name, marks in ARCHITECTURES:
            if all(mark in part for mark in marks):
                return Upscaler(name, _scale(name, part))
    return None


def _scale(name: str, part: Listing) -> int:
    if name == "ESRGAN":
        return _esrgan_scale(part)
    if name == "Compact":
        last = part.count("body.{}.weight") - 1
        # Activations and convolutions alternate; the last is a convolution.
        return _root(part.size(f"body.{last}.weight", 0))
    if name == "RealPLKSR":
        # Only the first and the last part are bare convolutions.
        last = max((n for n in range(1, MOST_BLOCKS) if f"feats.{n}.weight" in part), default=0)
        return _root(part.size(f"feats.{last}.weight", 0))
    if "conv_up2.weight" in part:
        return 4
    if "conv_up1.weight" in part:
        return 2
    if "upsample.2.weight" in part:  # steps of two, one after another
        steps = [n for n in range(4) if f"upsample.{2 * n}.weight" in part]
        return 1 << len(steps)
    return _pixel_shuffle(part)


def _esrgan_scale(part: Listing) -> int:
    """Each upward convolution doubles; more than 3 channels are a picture folded beforehand."""
    if "model.0.weight" in part:
        # The first and the two last ones do not double.
        ups = sum(f"model.{n}.weight" in part for n in range(MOST_BLOCKS)) - 3
        channels = part.size("model.0.weight", 1)
    else:
        names = ("conv_up{}.weight", "upconv{}.weight")
        ups = max(part.count(form, 1) for form in names)
        channels = part.size("conv_first.weight", 1)
    folded = isqrt(channels // PICTURE) if channels >= PICTURE else 1
    return max(1, (1 << max(0, ups)) // folded)


def _pixel_shuffle(part: Listing) -> int:
    for name in LAST_CONVOLUTIONS:
        shape = part.shape(name)
        if len(shape) == 4:
            out, channels = shape[:2]
            # Either straight to the picture, or a step that keeps the features.
            return _root(out) or (isqrt(out // channels) if out % channels == 0 else 0)
    return 0


def _root(channels: int) -> int:
    """The scale of a shuffle from so many channels to a picture's three; 0 if it is none."""
    factor, rest = divmod(channels, PICTURE)
    root = isqrt(factor)
    return root if rest == 0 and root * root == factor else 0
