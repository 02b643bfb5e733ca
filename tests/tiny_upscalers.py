"""Upscalers of real architectures with a few thousand random weights, as their trainers save them.

`python -m tests.tiny_upscalers FOLDER` writes all of them without torch in the calling process.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from webui.engine.upscaling.architectures import library

library()
from spandrel.architectures.DAT import DAT  # noqa: E402 - needs the line above
from spandrel.architectures.ESRGAN import ESRGAN  # noqa: E402
from spandrel.architectures.HAT import HAT  # noqa: E402
from spandrel.architectures.OmniSR import OmniSR  # noqa: E402
from spandrel.architectures.SwinIR import SwinIR  # noqa: E402

SMALL = {"img_size": 16, "window_size": 8, "num_heads": [2]}

REAL_ESRGAN = (
    (r"model\.0\.", "conv_first."),
    (r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.", r"body.\1.rdb\2.conv\3."),
    (r"model\.1\.sub\.\d+\.", "conv_body."),
    (r"model\.3\.", "conv_up1."),
    (r"model\.6\.", "conv_up2."),
    (r"model\.8\.", "conv_hr."),
    (r"model\.10\.", "conv_last."),
)
"""From the names of ESRGAN's first version to those of Real-ESRGAN, four times as large."""


def _weights(make: Callable[[], nn.Module], seed: int) -> dict[str, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = {name: tensor.contiguous() for name, tensor in make().state_dict().items()}
    last = next(name for name in reversed(found) if name.endswith("bias"))
    found[last] += 0.5  # grey in the middle, so that nothing is cut off
    return found


def esrgan(scale: int = 2, seed: int = 0) -> dict[str, Tensor]:
    """ESRGAN with one block, its weights under the names of the first version's files."""
    return _weights(lambda: ESRGAN(num_filters=8, num_blocks=1, scale=scale), seed)


def real_esrgan(seed: int = 0) -> dict[str, Tensor]:
    """The same, four times as large, under the names that Real-ESRGAN gave them."""
    found = {}
    for name, tensor in esrgan(4, seed).items():
        pattern, new = next(row for row in REAL_ESRGAN if re.match(row[0], name))
        found[re.sub(pattern, new, name)] = tensor
    return found


def swinir(seed: int = 0) -> dict[str, Tensor]:
    """SwinIR, twice as large, as its authors save it."""
    settings = {**SMALL, "embed_dim": 12, "depths": [2], "mlp_ratio": 2, "upscale": 2}
    return _weights(lambda: SwinIR(**settings, upsampler="pixelshuffledirect"), seed)


def hat(seed: int = 0) -> dict[str, Tensor]:
    """HAT, twice as large."""
    settings = {**SMALL, "embed_dim": 12, "depths": [2], "mlp_ratio": 2, "upscale": 2}
    return _weights(lambda: HAT(**settings, compress_ratio=3, squeeze_factor=6), seed)


def dat(seed: int = 0) -> dict[str, Tensor]:
    """DAT in its light form, twice as large."""
    settings = {"img_size": 16, "embed_dim": 16, "split_size": [4, 8], "depth": [3]}
    more = {"num_heads": [2], "expansion_factor": 2, "upscale": 2}
    return _weights(lambda: DAT(**settings, **more, upsampler="pixelshuffledirect"), seed)


def omnisr(seed: int = 0) -> dict[str, Tensor]:
    """OmniSR, twice as large."""
    return _weights(lambda: OmniSR(num_feat=16, window_size=8, up_scale=2), seed)


ARCHITECTURES: Mapping[str, Callable[[], dict[str, Tensor]]] = MappingProxyType(
    {
        "ESRGAN": esrgan,
        "Real-ESRGAN": real_esrgan,
        "SwinIR": swinir,
        "DAT": dat,
        "HAT": hat,
        "OmniSR": omnisr,
    }
)


def write_upscalers(folder: Path) -> Path:
    """esrgan.safetensors, swinir.safetensors, and pickled.pth: what Real-ESRGAN's trainer saves."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(esrgan(), folder / "esrgan.safetensors")
    save_file(swinir(), folder / "swinir.safetensors")
    torch.save({"params_ema": real_esrgan(seed=1), "params": {}}, folder / "pickled.pth")
    return folder


if __name__ == "__main__":
    write_upscalers(Path(sys.argv[1]))
