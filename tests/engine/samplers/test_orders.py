"""Orders of convergence, measured by halving the steps on data whose exact end is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.engine.samplers.formulas import no_noise
from tests.engine.samplers.mixture import best, exact
from webui.core.catalogue import BUILTIN
from webui.engine.samplers import sample

HIGH, LOW = 10.0, 0.2
FEW, MANY = 41, 80
"""Both leave DPM fast a last step of order 2, so that its order is not lost at the end."""

ORDERS = {
    "Euler": 1,
    "Euler a": 1,
    "DDIM": 1,
    "DDIM CFG++": 1,
    "TCD": 1,
    "HeunPP2": 1,
    "Heun": 2,
    "DPM2": 2,
    "DPM2 a": 2,
    "DPM++ SDE": 2,
    "DPM++ 2S a": 2,
    "DPM++ 2M": 2,
    "DPM++ 2M SDE": 2,
    "DPM++ 2M SDE Heun": 2,
    "DPM++ 3M SDE": 2,  # 3 in its steps; the first one is of order 1
    "UniPC": 2,  # 3 in its steps; the last one is of order 1
    "PLMS": 2,  # 4 for equal steps
    "IPNDM": 2,  # 4 for equal steps
    "IPNDM_V": 2.4,
    "DEIS": 2.6,
    "LMS": 2.8,  # 4 in its steps; the first one is of order 1
    "DPM fast": 2.8,  # 3
}
"""At least this order is measured, without noise, over a row of even steps in log sigma."""


@pytest.fixture(scope="module")
def start() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 4, 4, 4, generator=generator, dtype=torch.float64) * HIGH


@pytest.fixture(scope="module")
def end(start: Tensor) -> Tensor:
    return exact(start, HIGH, LOW)


def walked(name: str, start: Tensor, steps: int) -> Tensor:
    spec = BUILTIN.samplers[name]
    row = torch.linspace(math.log(HIGH), math.log(LOW), steps + 1, dtype=torch.float64).exp()
    options = {} if spec.default_eta is None else {"eta": 0.0}
    result = sample(name, best, start, row, no_noise, **options)
    return result * (1 + LOW**2) ** 0.5 if spec.timesteps else result


@pytest.mark.parametrize("name", ORDERS)
def test_the_order_is_the_papers(name: str, start: Tensor, end: Tensor) -> None:
    few, many = (float((walked(name, start, n) - end).abs().max()) for n in (FEW, MANY))
    assert many < 0.05
    assert math.log(few / many) / math.log(MANY / FEW) > ORDERS[name] - 0.15


def test_dpm_adaptive_stays_near_the_exact_end(start: Tensor, end: Tensor) -> None:
    error = (walked("DPM adaptive", start, 5) - end).abs()
    assert float(error.mean()) < 0.05  # its relative tolerance


def test_all_samplers_without_noise_are_measured() -> None:
    noisy = {"DPM adaptive", "Restart", "LCM", "DDPM"}
    assert set(ORDERS) | noisy == set(BUILTIN.samplers)
