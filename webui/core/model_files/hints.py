"""What metadata, marker keys and files beside a model tell that shapes don't."""

from __future__ import annotations

import re
from collections.abc import Mapping

from webui.core.model_files.listing import Listing
from webui.core.model_files.recognition import (
    Basis,
    Distilled,
    Prediction,
    PredictionType,
    UnetForm,
)

MARKER_KEYS: tuple[tuple[str, PredictionType], ...] = (
    ("edm_vpred.sigma_max", "edm_v"),
    ("edm_mean", "edm"),
    ("v_pred", "v_prediction"),
)
"""Tensors that finetuners put into a file only to say what it predicts."""

ZERO_SNR_KEY = "ztsnr"

SAYINGS: tuple[tuple[str, re.Pattern[str], PredictionType], ...] = (
    ("modelspec.prediction_type", re.compile(r"(?i)^v"), "v_prediction"),
    ("modelspec.prediction_type", re.compile(r"(?i)^eps"), "epsilon"),
    ("modelspec.architecture", re.compile(r"(?i)v2-768-v"), "v_prediction"),
    ("modelspec.architecture", re.compile(r"(?i)v2-512"), "epsilon"),
    ("ss_base_model_version", re.compile(r"(?i)768_v"), "v_prediction"),
    ("ss_v_parameterization", re.compile(r"(?i)^true"), "v_prediction"),
    ("prediction_type", re.compile(r"(?i)^v"), "v_prediction"),
    ("prediction_type", re.compile(r"(?i)^eps"), "epsilon"),
)
"""Metadata key, what its value looks like, and what that means. From the modelspec standard
(https://github.com/Stability-AI/ModelSpec) and the metadata that trainers write."""

DISTILLED = re.compile(r"(?i)(?:^|[^a-z])(lcm|turbo|lightning|hyper|dmd2?|tcd|pcm|flash)(?![a-z])")
TITLES = ("modelspec.title", "modelspec.description", "ss_output_name")

BASE_MODELS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)xl[-_]?(v1[-_]?)?refiner"), "sdxl_refiner"),
    (re.compile(r"(?i)stable-diffusion-xl|sdxl|pony|illustrious"), "sdxl"),
    (re.compile(r"(?i)stable-diffusion-v2|sd_v2|^sd2"), "sd2"),
    (re.compile(r"(?i)stable-diffusion-v1|sd_v1|^sd1"), "sd1"),
    (re.compile(r"(?i)stable-diffusion-v?3|^sd3"), "sd3"),
    (re.compile(r"(?i)flux"), "flux"),
)

XL_NAME = re.compile(r"(?i)(?:^|[^a-z])(?:tae)?(?:sd)?xl(?:$|[^a-z]|vae)")
"""Names of VAEs for SDXL: sdxl_vae, sdxl-vae-fp16-fix, xlVAE, taesdxl_decoder."""

XL_FAMILIES = ("sdxl", "sdxl_refiner")

PARAMETERIZATION = re.compile(r"(?m)^\s*parameterization\s*:\s*[\"']?(v|eps)\b")


def prediction_of(
    listing: Listing, metadata: Mapping[str, str], family: str, form: UnetForm
) -> Prediction:
    """What a UNet predicts, by the best evidence that a header has.

    Most SD2 files are of the 768 kind, which predicts v; their shapes are those of the 512
    kind, which predicts epsilon, so without a hint the kind is only the likelier one. Inpainting
    and depth models of SD2 were made from the 512 kind.
    """
    zero_snr = ZERO_SNR_KEY in listing
    for name, kind in MARKER_KEYS:
        if name in listing:
            return Prediction(kind, "keys", zero_snr)
    for key, pattern, kind in SAYINGS:
        if pattern.search(metadata.get(key, "")):
            return Prediction(kind, "metadata", zero_snr)
    if family == "sd2":
        return Prediction("v_prediction" if form.in_channels == 4 else "epsilon", "default")
    return Prediction("epsilon", "family")


def prediction_of_sidecar(text: str) -> Prediction | None:
    """What an LDM configuration beside the file (`NAME.yaml`) says; None if it says nothing."""
    match = PARAMETERIZATION.search(text)
    if match is None:
        return None
    return Prediction("v_prediction" if match[1] == "v" else "epsilon", "sidecar")


def distilled_of(metadata: Mapping[str, str], name: str, form: UnetForm | None) -> Distilled | None:
    """The distillation, if keys, metadata or at least the file's name tell of one."""
    if form is not None and form.guidance:
        return Distilled("lcm", "keys")
    sources: list[tuple[str, Basis]] = [(metadata.get(key, ""), "metadata") for key in TITLES]
    for text, basis in [*sources, (name, "name")]:
        match = DISTILLED.search(text)
        if match:
            return Distilled(match[1].lower(), basis)
    return None


def family_of_metadata(metadata: Mapping[str, str]) -> str:
    """The family that a trainer or a tool wrote down, or ""."""
    for key in ("modelspec.architecture", "ss_base_model_version", "baseModel", "sd version"):
        said = metadata.get(key, "")
        for pattern, family in BASE_MODELS:
            if pattern.search(said):
                return family
    return ""


def narrowed(families: tuple[str, ...], metadata: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Those of the families that a VAE is for, if its metadata or at least its name tell.

    SDXL's VAE has the shapes of SD1's, and other weights.
    """
    if not set(XL_FAMILIES) < set(families):
        return families
    said = family_of_metadata(metadata)
    if said in families:
        return XL_FAMILIES if said in XL_FAMILIES else ("sd1", "sd2")
    return XL_FAMILIES if XL_NAME.search(name) else families
