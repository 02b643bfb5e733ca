"""The requests of stable-diffusion-webui's clients in terms of ours, and our results in theirs.

Nothing here reads a disk or speaks HTTP: values go in and come out.
"""
