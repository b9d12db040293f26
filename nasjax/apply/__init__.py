"""Bundles on images: arrays, Pillow pictures, files and whole folders."""

from nasjax.apply.files import apply_bundle
from nasjax.apply.upscalers import upscale

__all__ = ["apply_bundle", "upscale"]
