"""The names of samplers and schedules, and how people write them."""

from __future__ import annotations

import pytest

from webui.core.catalogue import AUTOMATIC, BUILTIN, SamplerSpec, build
from webui.core.errors import InkstoneError

MENU = (
    "DPM++ 2M, DPM++ SDE, DPM++ 2M SDE, DPM++ 2M SDE Heun, DPM++ 2S a, DPM++ 3M SDE, Euler a, "
    "Euler, LMS, Heun, DPM2, DPM2 a, DPM fast, DPM adaptive, Restart, DDIM, DDIM CFG++, PLMS, "
    "UniPC, LCM, HeunPP2, IPNDM, IPNDM_V, DEIS, DDPM, TCD"
)
KARRAS = {"DPM++ 2M", "DPM++ SDE", "DPM++ 2S a", "DPM2", "DPM2 a", "Restart"}
EXPONENTIAL = {"DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"}


def test_the_menu_is_in_the_order_that_users_know() -> None:
    assert ", ".join(BUILTIN.samplers) == MENU
    assert ", ".join(BUILTIN.schedules) == (
        "Uniform, Karras, Exponential, Polyexponential, SGM Uniform, KL Optimal, "
        "Align Your Steps, Simple, Normal, DDIM, Beta, Turbo, Align Your Steps GITS, "
        "Align Your Steps 11"
    )


def test_automatic_is_the_samplers_own_schedule() -> None:
    for name, spec in BUILTIN.samplers.items():
        if name in KARRAS:
            assert spec.schedule == "Karras"
        elif name in EXPONENTIAL:
            assert spec.schedule == "Exponential"
        elif spec.timesteps:
            assert spec.schedule == "DDIM"
        else:
            assert spec.schedule == ("SGM Uniform" if name == "TCD" else "Uniform")


@pytest.mark.parametrize(
    ("written", "sampler", "schedule"),
    [
        ("DPM++ 2M Karras", "DPM++ 2M", "Karras"),
        ("DPM++ 2M SDE Heun Exponential", "DPM++ 2M SDE Heun", "Exponential"),
        ("DPM++ 2M SDE Heun", "DPM++ 2M SDE Heun", AUTOMATIC),
        ("dpm2 a karras", "DPM2 a", "Karras"),
        ("LMS Karras", "LMS", "Karras"),
        ("Euler a SGM Uniform", "Euler a", "SGM Uniform"),
        ("k_euler_a", "Euler a", AUTOMATIC),
        ("k_dpm_2_a", "DPM2 a", AUTOMATIC),
        ("k_dpm_ad", "DPM adaptive", AUTOMATIC),
        ("k_dpmpp_2m_sde_heun", "DPM++ 2M SDE Heun", AUTOMATIC),
        ("dpmpp_3m_sde", "DPM++ 3M SDE", AUTOMATIC),
        ("ddim_cfgpp", "DDIM CFG++", AUTOMATIC),
        ("plms", "PLMS", AUTOMATIC),
        ("unipc", "UniPC", AUTOMATIC),
        ("ipndm_v", "IPNDM_V", AUTOMATIC),
        ("restart", "Restart", AUTOMATIC),
        ("Euler b", "Euler b", AUTOMATIC),
    ],
)
def test_names_are_understood_as_people_write_them(
    written: str, sampler: str, schedule: str
) -> None:
    assert BUILTIN.split(written) == (sampler, schedule)


@pytest.mark.parametrize(
    ("written", "schedule"),
    [("sgm_uniform", "SGM Uniform"), ("SGMUniform", "SGM Uniform"), ("kl_optimal", "KL Optimal")],
)
def test_schedules_are_understood_as_people_write_them(written: str, schedule: str) -> None:
    assert BUILTIN.split("Euler", written) == ("Euler", schedule)


def test_no_name_stands_for_two() -> None:
    for rows in (BUILTIN.samplers, BUILTIN.schedules):
        names = [
            name.casefold().replace("_", " ")
            for row in rows.values()
            for name in {row.name.casefold().replace("_", " "), *row.aliases}
        ]
        assert len(names) == len(set(names))


def test_a_name_used_twice_is_refused_with_both_owners() -> None:
    with pytest.raises(InkstoneError) as caught:
        build([SamplerSpec("A", "one:a"), SamplerSpec("A", "two:b")], [])
    values = caught.value.message.values
    assert (values["name"], values["first"], values["second"]) == ("A", "one:a", "two:b")
