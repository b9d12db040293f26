"""Photorealistic style transfer: search `photonet`, decide by edges, style and cost, ship for `nasjax stylize` runs."""
