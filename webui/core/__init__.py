"""Plain data and text: no torch, no disk, no network. Every other layer may import it."""
