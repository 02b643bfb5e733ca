"""Painting only a part of a picture, the rest bit by bit as it was.

`masks` says where, `areas` which part of the picture the model is shown, `fill` what lies under
the mask to begin with, `blending` what happens in each step, `soft` how all of it goes by degrees,
and `painting` puts them together for a job.
"""
