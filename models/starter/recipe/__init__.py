"""How the starter model is made and judged; `run.py` beside this is the one command."""

import sys

# transformers takes torchvision where it finds it, and one of another build than torch's ends it.
sys.modules.setdefault("torchvision", None)  # type: ignore[arg-type]
