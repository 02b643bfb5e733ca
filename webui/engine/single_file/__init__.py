"""Checkpoints of one file, as the makers of Stable Diffusion publish them, into our modules."""
