"""Super-resolution: search `sr_cell`, compare with a hand-made network of the same size and with bicubic."""
