"""A checkpoint, a folder or a single file, into a `ModelBundle`, from local files only."""

from __future__ import annotations

from pathlib import Path

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles
from webui.core.model_files.folders import part_weights
from webui.core.model_files.header import Header, read_header
from webui.core.model_files.recognise import recognise_file
from webui.core.model_files.recognition import SUPPORTED_FAMILIES
from webui.engine.bundle import ModelBundle, TextPart
from webui.engine.device import Device
from webui.engine.families import FAMILIES, Family, TextPlan
from webui.engine.memory import Memory
from webui.engine.model_folder import load_folder, load_vae_folder
from webui.engine.model_levels import model_sigmas
from webui.engine.single_file.contents import text_part, vae_part
from webui.engine.single_file.load import Parts, load_file, load_vae
from webui.engine.single_file.reading import Progress, Row

CONFIG, SCHEDULER_CONFIG = "config.json", "scheduler_config.json"


def load_model(
    files: ModelFiles,
    device: Device,
    *,
    progress: Progress | None = None,
    memory: Memory | None = None,
) -> ModelBundle:
    """Loads the model of these files. `progress` may raise to give up.

    `memory`: the device's, where several models share it.

    Raises:
        ModelFileError: naming the file and what is wrong with it, or the part that is missing.
    """
    if files.vae_path is None:
        parts = _parts(files, device, progress)
        return _bundle(files, parts, parts.vae, device, memory or Memory(device))
    row = None if progress is None else Row(progress, _size_of_vae(files))
    parts = _parts(files, device, row)
    if row is not None:
        row.next()
    vae = _vae(files, parts.family, device, row)
    return _bundle(files, parts, vae, device, memory or Memory(device))


def load_bundle(
    path: Path, device: Device, *, name: str | None = None, vae_path: Path | None = None
) -> ModelBundle:
    """Loads a folder or file of which nothing more is known.

    `vae_path`: a folder or file with another VAE (a VAE alone, or a whole model).

    Raises:
        ModelFileError: as `load_model`.
    """
    files = ModelFiles(
        checkpoint=path.name if name is None else name,
        path=str(path),
        kind="file" if path.is_file() else "folder",
        vae_path=None if vae_path is None else str(vae_path),
        vae_kind="file" if vae_path is not None and vae_path.is_file() else "folder",
    )
    return load_model(files, device)


def _parts(files: ModelFiles, device: Device, progress: Progress | None) -> Parts:
    path, with_vae = Path(files.path), files.vae_path is None
    if files.kind == "folder":
        root = None if files.root is None else Path(files.root)
        return load_folder(path, device, root=root, vae=with_vae, progress=progress)
    header, family = read_header(path), _family(files)
    check_complete(header, family, vae=with_vae)
    return load_file(
        header,
        family,
        device,
        prediction_type=files.prediction_type,
        ema=files.ema,
        vae=with_vae,
        progress=progress,
    )


def check_complete(header: Header, family: Family, *, vae: bool) -> None:
    """Refuses a single file that lacks a part, before its weights are read.

    `vae`: whether it has to have its own.

    Raises:
        ModelFileError: naming the part.
    """
    if vae and vae_part(header) is None:
        raise ModelFileError("error.model_lacks_vae", file=str(header.path))
    for plan in family.texts:
        if text_part(header, plan) is None:
            raise _lacks_text(header.path, plan)


def _family(files: ModelFiles) -> Family:
    """The family of a single file, looked up in its content if nobody has said it."""
    name = files.family or recognise_file(Path(files.path)).family or "?"
    if name not in SUPPORTED_FAMILIES:
        raise ModelFileError("error.model_family", file=files.path, family=name)
    return FAMILIES[name]


def _size_of_vae(files: ModelFiles) -> int:
    """About how many bytes a separate VAE takes; what is missing is said when it is read."""
    path = Path(files.vae_path or "")
    if files.vae_kind == "folder":
        path = part_weights(path / "vae" if (path / "vae").is_dir() else path) or path
    return path.stat().st_size if path.is_file() else 0


def _vae(
    files: ModelFiles, family: Family, device: Device, progress: Progress | None
) -> AutoencoderKL:
    path = Path(files.vae_path or "")
    if files.vae_kind == "file":
        return load_vae(read_header(path), family, device, progress)
    root = None if files.root is None else Path(files.root)
    return load_vae_folder(path, device, root=root, progress=progress)


def _bundle(
    files: ModelFiles,
    parts: Parts,
    vae: AutoencoderKL | None,
    device: Device,
    memory: Memory,
) -> ModelBundle:
    path = Path(files.path)
    unet = parts.unet.config
    if vae is None:
        raise ModelFileError("error.model_lacks_vae", file=files.path)
    texts = _texts(path, parts)
    width = sum(text.width for text in texts)
    channels = int(unet["out_channels"])
    unet_at = scheduler_at = path
    if files.kind == "folder":
        unet_at, scheduler_at = path / "unet" / CONFIG, path / "scheduler" / SCHEDULER_CONFIG
    vae_at = Path(files.vae_path or path)
    if (vae_at / "vae").is_dir():
        vae_at = vae_at / "vae" / CONFIG
    _match(unet_at, "cross_attention_dim", int(unet["cross_attention_dim"]), width)
    _match(vae_at, "latent_channels", int(vae.config["latent_channels"]), channels)
    memory.adopt([parts.unet, vae, *(text.encoder for text in texts)])
    return ModelBundle(
        name=files.checkpoint,
        device=device,
        memory=memory,
        family=parts.family,
        variant=parts.variant,
        unet=parts.unet,
        vae=vae,
        texts=texts,
        sigmas=model_sigmas(parts.scheduler, scheduler_at),
        prediction_type=parts.prediction_type,
        latent_channels=channels,
        latent_scale=float(vae.config["scaling_factor"]),
        vae_factor=2 ** (len(vae.config["block_out_channels"]) - 1),
    )


def _texts(path: Path, parts: Parts) -> tuple[TextPart, ...]:
    found: list[TextPart] = []
    plans = zip(parts.text_encoders, parts.tokenizers, parts.family.texts, strict=True)
    for encoder, tokenizer, plan in plans:
        if encoder is None:
            raise _lacks_text(path, plan)
        found.append(TextPart(encoder, tokenizer, plan))
    return tuple(found)


def _lacks_text(path: Path, plan: TextPlan) -> ModelFileError:
    return ModelFileError("error.model_lacks_text", file=str(path), part=plan.label)


def _match(file: Path, setting: str, got: int, wanted: int) -> None:
    if got != wanted:
        raise ModelFileError(
            "error.model_mismatch", file=str(file), setting=setting, got=got, wanted=wanted
        )
