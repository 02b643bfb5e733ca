"""How the starter model is made and judged; `run.py` beside this is the one command."""
