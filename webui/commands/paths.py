"""Where this installation keeps its things unless the command line says otherwise."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
STYLES_FILE = REPOSITORY / "data" / "styles.csv"
LAUNCHER = REPOSITORY / "app.py"
