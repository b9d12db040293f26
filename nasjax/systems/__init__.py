"""The systems that are shipped: each is settings, a space, a task, scores, and what they are compared with."""

from nasjax.systems.perceptual.system import PerceptualSuperResolution
from nasjax.systems.photo_filter.system import PhotoFilter
from nasjax.systems.style_transfer.system import StyleTransfer
from nasjax.systems.super_resolution.system import SuperResolution
from nasjax.systems.translation.system import ImageTranslation

# The name that `config.json` knows a system by.
SYSTEMS = {
    "super_resolution": SuperResolution,
    "style_transfer": StyleTransfer,
    "perceptual_super_resolution": PerceptualSuperResolution,
    "photo_filter": PhotoFilter,
    "translation": ImageTranslation,
}
