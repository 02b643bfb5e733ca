"""Tests of the program, as `webui/` is laid out."""

# First, since it keeps transformers from taking a torchvision of another build than torch's.
import webui.engine  # noqa: F401
