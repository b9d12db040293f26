"""All candidate blocks of residual trunks by their names in search spaces."""

from nasjax.ops.attentive import large_kernel, self_modulation
from nasjax.ops.blocks import BLOCKS
from nasjax.ops.distilling import blueprint_distillation, residual_distillation
from nasjax.ops.edges import edge_oriented
from nasjax.ops.partial import faster

CANDIDATES = {
    **BLOCKS,
    "vap": large_kernel(),
    "smfa": self_modulation(),
    "pconv": faster(),
    "rfdb": residual_distillation(),
    "esdb": blueprint_distillation(),
    "ecb": edge_oriented(),
}
