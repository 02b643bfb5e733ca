"""`python models/starter/recipe/run.py all` makes the starter model; README.md says more."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# After the folder above is importable.
from recipe.command import main

if __name__ == "__main__":
    main()
