"""The enlarged picture of SD upscale: what its tiles begin with, cut out and put together."""
