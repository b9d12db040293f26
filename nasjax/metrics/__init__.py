"""How well: image scores by protocol, metrics as mergeable sums, rank correlation."""

from nasjax.metrics.base import Metric, mean_metric
from nasjax.metrics.image import Protocol, image_metric, psnr, rgb_to_y, sr_protocol, ssim
from nasjax.metrics.lpips import lpips, lpips_metric
from nasjax.metrics.rank import RankCorrelation, kendall_tau
from nasjax.metrics.style import edge_ssim, style_distance

__all__ = [
    "Metric",
    "Protocol",
    "RankCorrelation",
    "edge_ssim",
    "image_metric",
    "kendall_tau",
    "lpips",
    "lpips_metric",
    "mean_metric",
    "psnr",
    "rgb_to_y",
    "sr_protocol",
    "ssim",
    "style_distance",
]
