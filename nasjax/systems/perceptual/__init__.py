"""Perceptual super-resolution: search the discriminator that makes a tiny generator's pictures look best."""
