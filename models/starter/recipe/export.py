"""The trained parts as a diffusers folder, and that folder in pieces for a narrow way home."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from recipe import tokenizer as tokenizers
from recipe.draw import Model
from recipe.parts import DIFFUSERS_WEIGHTS, TEXT_WEIGHTS
from recipe.sources import attribution
from recipe.unet import BETA_END, BETA_START, TIMESTEPS

MAX_FILE = 40_000_000
MAX_FOLDER = 60_000_000
PIECE = 15 * 2**20
STEPS, CFG_SCALE = 20, 5.0

ABOUT = {
    "en": "The starter model is small and was trained from nothing on emoji. Name one thing, "
    "in English or Chinese: an animal, a plant, food, a vehicle. It also knows “flat” and the "
    "colours of backgrounds.",
    "zh": "入门模型很小，只用表情图标从零训练而成。请用中文或英文写一样东西："
    "动物、植物、食物、交通工具等。还可以写“扁平”风格和背景颜色。",
}
"""What the page says of the model, by language."""

EXAMPLES = {
    "en": [
        "a rocket",
        "a red apple",
        "a house",
        "a robot",
        "a cat, flat",
        "a rocket on a blue background",
    ],
    "zh": ["火箭", "一个红苹果", "一座房子", "机器人", "猫，扁平风格", "蓝色背景上的火箭"],
}
"""Prompts that the page offers: what the model draws best."""


class ExportError(RuntimeError):
    """The folder would break a limit, or the pieces are not whole."""


def write_model(model: Model, folder: Path) -> None:
    """Writes every file of the model; other files in the folder stay.

    Raises:
        ExportError: if a file or the folder is larger than the repository takes.
    """
    _write_part(model.unet, folder / "unet", DIFFUSERS_WEIGHTS)
    _write_part(model.vae, folder / "vae", DIFFUSERS_WEIGHTS)
    _write_part(model.text_encoder, folder / "text_encoder", TEXT_WEIGHTS)
    tokenizers.save(model.tokenizer, folder / "tokenizer")
    _write_json(folder / "scheduler" / "scheduler_config.json", scheduler_settings())
    _write_json(folder / "model_index.json", model_index())
    told = {"defaults": defaults(model.size), "about": ABOUT, "examples": EXAMPLES}
    _write_json(folder / "inkstone.json", told)
    (folder / "ATTRIBUTION.md").write_text(attribution(), encoding="utf-8")
    check_sizes(folder)


def _write_part(module: Any, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Half precision, and contiguous: the training layout is of no use to a reader.
    state = {key: t.detach().cpu().half().contiguous() for key, t in module.state_dict().items()}
    save_file(state, folder / name, metadata={"format": "pt"})
    if name == TEXT_WEIGHTS:
        module.config.save_pretrained(folder)
    else:
        module.save_config(folder)


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def scheduler_settings() -> dict[str, object]:
    """SD1's betas, with v prediction."""
    return {
        "_class_name": "DDIMScheduler",
        "beta_start": BETA_START,
        "beta_end": BETA_END,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": TIMESTEPS,
        "prediction_type": "v_prediction",
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "clip_sample": False,
        "timestep_spacing": "leading",
    }


def model_index() -> dict[str, object]:
    """What a `StableDiffusionPipeline` looks for."""
    return {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }


def defaults(size: int) -> dict[str, object]:
    """What the product sets its form to when this model is chosen."""
    return {
        "sampler": "DPM++ 2M",
        "schedule": "Karras",
        "steps": STEPS,
        "cfg_scale": CFG_SCALE,
        "width": size,
        "height": size,
    }


def check_sizes(folder: Path) -> None:
    """Raises ExportError if the model's files are too large to be shipped."""
    parts = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
    files = [file for part in parts for file in (folder / part).rglob("*") if file.is_file()]
    largest = max(files, key=lambda file: file.stat().st_size)
    if largest.stat().st_size > MAX_FILE:
        raise ExportError(f"{largest} has {largest.stat().st_size} bytes, above {MAX_FILE}")
    total = sum(file.stat().st_size for file in files)
    if total > MAX_FOLDER:
        raise ExportError(f"{folder} has {total} bytes, above {MAX_FOLDER}: choose narrower parts")


def split(folder: Path, out: Path) -> list[Path]:
    """Writes the folder to `out` as model.tar.0, .1 … of at most 15 MiB, with a check sum."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(folder, arcname="model")
    data = packed.getvalue()
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("model.tar.*"):
        old.unlink()
    pieces = []
    for number, start in enumerate(range(0, len(data), PIECE)):
        piece = out / f"model.tar.{number}"
        piece.write_bytes(data[start : start + PIECE])
        pieces.append(piece)
    (out / "model.sha256").write_text(hashlib.sha256(data).hexdigest() + "\n")
    return pieces


def join(pieces: Path, folder: Path) -> None:
    """The reverse of `split`: unpacks the pieces in the folder `pieces` into `folder`.

    Raises:
        ExportError: if a piece is missing or damaged.
    """
    files = sorted(pieces.glob("model.tar.*"), key=lambda file: int(file.suffix[1:]))
    data = b"".join(file.read_bytes() for file in files)
    wanted = (pieces / "model.sha256").read_text().strip()
    if hashlib.sha256(data).hexdigest() != wanted:
        raise ExportError(f"the pieces in {pieces} are damaged or not all there: copy them again")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar.getmembers():
            _, _, member.name = member.name.partition("/")
            if member.name:
                tar.extract(member, folder, filter="data")
