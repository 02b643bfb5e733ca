"""A folder of a thousand model files, mixed as in a collector's folder, to measure with.

`python -m tests.model_library FOLDER` writes one; the files are sparse.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.model_writers import (
    SD1,
    SDXL,
    Shapes,
    kohya_lora,
    ldm_controlnet,
    ldm_vae,
    sd1_checkpoint,
    sdxl_checkpoint,
    write_model,
)

LARGE_LORA_METADATA = {"ss_tag_frequency": '{"1_cat": {' + '"tag": 1, ' * 1000 + '"last": 1}}'}


def mixture() -> dict[str, tuple[int, Shapes]]:
    """Kinds of files: how many of a thousand, and their tensors."""
    return {
        "sd1": (60, sd1_checkpoint()),
        "sdxl": (60, sdxl_checkpoint()),
        "lora-sd1": (300, kohya_lora(SD1)),
        "lora-sdxl": (300, kohya_lora(SDXL)),
        "embedding": (200, {"emb_params": (8, 768)}),
        "vae": (40, ldm_vae()),
        "controlnet": (40, ldm_controlnet(SD1)),
    }


def write_library(folder: Path, share: float = 1.0) -> int:
    """Writes that share of the mixture, at least a file of each kind; returns their number."""
    written = 0
    for kind, (count, shapes) in mixture().items():
        metadata = LARGE_LORA_METADATA if kind.startswith("lora") else {"format": "pt"}
        for number in range(max(1, round(count * share))):
            write_model(folder / kind / f"{number}.safetensors", shapes, metadata=metadata)
            written += 1
    return written


if __name__ == "__main__":
    write_library(Path(sys.argv[1]))
