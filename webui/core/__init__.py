"""Plain data and text: no torch, no network, and no disk except the headers of model files."""
