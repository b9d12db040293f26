"""How well: image scores by protocol, metrics as mergeable sums, distances of sets of pictures, rank correlation."""

from nasjax.metrics.base import Metric, mean_metric
from nasjax.metrics.colour import colour_difference, colour_metric
from nasjax.metrics.distribution import (
    effective_number,
    frechet_distance,
    gaussian_distance,
    kernel_distance,
    median_distance,
    precision_recall,
    set_scores,
)
from nasjax.metrics.features import Moments, collect, merge_moments, moments
from nasjax.metrics.image import Protocol, image_metric, psnr, rgb_to_y, sr_protocol, ssim
from nasjax.metrics.inception import inception_input
from nasjax.metrics.lpips import lpips, lpips_metric
from nasjax.metrics.rank import RankCorrelation, kendall_tau
from nasjax.metrics.reference import Statistics, cached_statistics
from nasjax.metrics.style import edge_ssim, style_distance

__all__ = [
    "Metric",
    "Moments",
    "Protocol",
    "RankCorrelation",
    "Statistics",
    "cached_statistics",
    "collect",
    "colour_difference",
    "colour_metric",
    "edge_ssim",
    "effective_number",
    "frechet_distance",
    "gaussian_distance",
    "image_metric",
    "inception_input",
    "kendall_tau",
    "kernel_distance",
    "lpips",
    "lpips_metric",
    "mean_metric",
    "median_distance",
    "merge_moments",
    "moments",
    "precision_recall",
    "psnr",
    "rgb_to_y",
    "set_scores",
    "sr_protocol",
    "ssim",
    "style_distance",
]
