"""What samplers of timesteps are told about the kept part."""

from __future__ import annotations

import torch
from torch import Tensor

from webui.engine.inpainting.blending import KeepingDenoiser, Kept


def test_samplers_of_timesteps_go_on_from_their_own() -> None:
    """The noise that the model finds in what it is shown is taken from the sampler's latents."""
    x, clean, estimate, uncond = torch.randn(4, 2, 4, 1, 3)
    nmask = torch.tensor([0.0, 0.25, 1.0]).reshape(1, 1, 1, 3)
    seen: list[Tensor] = []

    class Known:
        def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
            return self.with_uncond(x, sigma)[0]

        def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(x)
            return estimate, uncond

    sigma, root = torch.tensor(3.0, dtype=torch.float64), 10**0.5
    keeping = KeepingDenoiser(Known(), Kept(clean, nmask, None), before=True)
    both = keeping.with_uncond(x, sigma)
    assert torch.allclose(seen[0], x * nmask + clean * root * (1 - nmask), atol=1e-5)
    for made, answer in zip(both, (estimate, uncond), strict=True):
        noise = (seen[0] - answer) / 3
        assert torch.allclose(made[..., 1:], (x - 3 * noise)[..., 1:], atol=1e-5)
        assert torch.equal(made[..., 0], clean[..., 0])
    assert torch.equal(keeping(x, sigma), both[0])
