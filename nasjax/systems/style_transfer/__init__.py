"""Photorealistic style transfer: search `photonet`, decide by edges, style and cost, ship what `nasjax stylize` runs."""
