"""What other programs call the samplers and schedules."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from webui.core.catalogue import AUTOMATIC, BUILTIN

OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "uni_pc_bh2": "UniPC",
        "unipc": "UniPC",
        "pndm": "PLMS",
        "dpmpp_2s": "DPM++ 2S a",
        "kdpm_2": "DPM2",
        "kdpm_2_a": "DPM2 a",
        "ddim_v3": "DDIM",
        "nai_smea": "Euler a",
        "nai_smea_dyn": "Euler a",
    }
)
OTHER_SCHEDULES: Mapping[str, str] = MappingProxyType({"native": AUTOMATIC, "": AUTOMATIC})
ENDINGS: tuple[tuple[str, str], ...] = (("_k", "Karras"), ("_gpu", ""), ("_cfg_pp", ""))
"""InvokeAI's sign for Karras; ComfyUI's for where the noise is drawn and for a variant."""


def sampler_of(name: str, schedule: str = "") -> tuple[str, str]:
    """(sampler, schedule) by our names; an unknown one comes back as it is.

    Names are those of k-diffusion's functions, with or without "k_", or a program's own.
    """
    wanted = OTHER_SCHEDULES.get(schedule, schedule)
    for ending, implied in (("", ""), *ENDINGS):
        if not name.endswith(ending):
            continue
        plain = name.removesuffix(ending)
        for written in (OTHER_NAMES.get(plain, plain), f"k_{plain}"):
            sampler, found = BUILTIN.split(written, wanted or implied or AUTOMATIC)
            if sampler in BUILTIN.samplers:
                return sampler, implied if found == AUTOMATIC and implied else found
    return name, wanted or AUTOMATIC
