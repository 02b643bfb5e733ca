"""The drawing engine: everything that needs torch. Only the worker process imports it.

Shapes use one alphabet in all of its docstrings: `B` images, `C` latent channels, `h w` latent
grid, `H W` pixels, `T` tokens (77 * k), `D` embedding width, `n` steps. Sigma is a standard
deviation relative to unit-variance latents; timesteps run from 0 to 999; engine images are
float in [-1, 1]; sizes are (width, height) in pixels.
"""

from __future__ import annotations

import os
import sys

# torch's threads (libgomp) wait for each other by spinning. Without a limit, a machine whose
# cores are busy with something else draws ten times slower; with it, nothing is lost on an idle
# one. libgomp reads this once, when torch is imported, which every module below does.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# Nothing here needs torchvision, but transformers and diffusers take it where they find it, and
# one of another build than torch's ends their import. `None` says that there is none.
sys.modules.setdefault("torchvision", None)  # type: ignore[arg-type]
