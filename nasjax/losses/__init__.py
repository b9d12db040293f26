"""Losses on arrays: float32 scalars, whatever the precision of the networks."""

from nasjax.losses.adversarial import hinge_discriminator, hinge_generator
from nasjax.losses.perceptual import feature_loss
from nasjax.losses.pixel import PIXEL_LOSSES, charbonnier, l1, mse

__all__ = ["PIXEL_LOSSES", "charbonnier", "feature_loss", "hinge_discriminator", "hinge_generator", "l1", "mse"]
