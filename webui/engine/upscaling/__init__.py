"""Models that enlarge pictures: ESRGAN, SwinIR, DAT, HAT and their kin, tile by tile.

Pictures here are float32 images, (C, H, W) in [0, 1].
"""
