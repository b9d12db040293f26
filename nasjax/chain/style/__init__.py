"""The chain for photorealistic style transfer: search `photonet`, compare, and write what `nasjax stylize` uses."""
