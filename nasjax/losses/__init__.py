"""Losses on arrays: float32 scalars, whatever the precision of the networks."""

from nasjax.losses.adversarial import GAN_LOSSES, GanLoss, gan_loss, hinge_discriminator, hinge_generator
from nasjax.losses.augment import MOVES, diff_augment, moved_colours
from nasjax.losses.contrastive import contrastive_loss, nce_heads
from nasjax.losses.distillation import (
    adapted_mse,
    adapters,
    gram_alignment,
    ssim_loss,
    style_loss,
    total_variation,
)
from nasjax.losses.keeping import kept_directions, kept_edges, kept_features
from nasjax.losses.penalties import lazily, one_centred, zero_centred
from nasjax.losses.perceptual import feature_loss, lpips_loss
from nasjax.losses.pixel import PIXEL_LOSSES, charbonnier, l1, mse
from nasjax.losses.repetition import repetition, repetition_loss

__all__ = [
    "MOVES",
    "GAN_LOSSES",
    "GanLoss",
    "PIXEL_LOSSES",
    "adapted_mse",
    "adapters",
    "charbonnier",
    "contrastive_loss",
    "diff_augment",
    "feature_loss",
    "gan_loss",
    "gram_alignment",
    "hinge_discriminator",
    "hinge_generator",
    "kept_directions",
    "kept_edges",
    "kept_features",
    "l1",
    "lazily",
    "lpips_loss",
    "moved_colours",
    "mse",
    "nce_heads",
    "one_centred",
    "repetition",
    "repetition_loss",
    "ssim_loss",
    "style_loss",
    "total_variation",
    "zero_centred",
]
