"""Neural architecture search for image generators: search is integers, networks are functions, tasks are losses."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it, imported at first use: `import nasjax` itself costs nothing, not even jax.
# Type checkers and editors read __init__.pyi instead, which scripts/write_stub.py writes from this table.
PUBLIC = {
    # what may be built
    "Choice": "nasjax.choice",
    "SearchSpace": "nasjax.space",
    "Op": "nasjax.ops.base",
    "Supernet": "nasjax.supernet.base",
    "sr_cell": "nasjax.spaces.sr_cell",
    "tpsr_cell": "nasjax.spaces.tpsr_cell",
    "photonet": "nasjax.spaces.photonet",
    "resnet_generator": "nasjax.spaces.resnet_generator",
    "unet_generator": "nasjax.spaces.unet_generator",
    "sr_discriminator": "nasjax.spaces.sr_discriminator",
    "sort_channels": "nasjax.supernet.channels",
    "tapped": "nasjax.spaces.features",
    "Teacher": "nasjax.spaces.teacher",
    "inherit": "nasjax.spaces.teacher",
    "patch_discriminator": "nasjax.nets.discriminators",
    "toy": "nasjax.spaces.toy",
    # how to choose
    "fair_round": "nasjax.rounds",
    "Sampler": "nasjax.sampling",
    "strict_fair": "nasjax.sampling",
    "pairwise_fair": "nasjax.sampling",
    "uniform": "nasjax.sampling",
    "sandwich": "nasjax.sampling",
    "single": "nasjax.sampling",
    "random_archs": "nasjax.sampling",
    "option_counts": "nasjax.sampling",
    "wct": "nasjax.linalg.whitening",
    "units": "nasjax.supernet.units",
    "tabulate": "nasjax.cost.table",
    "parse_budgets": "nasjax.cost.budget",
    "resolve_budgets": "nasjax.cost.budget",
    "Searcher": "nasjax.search.base",
    "random_search": "nasjax.search.random",
    "aging_evolution": "nasjax.search.aging_evolution",
    "nsga2": "nasjax.search.nsga2",
    "representatives": "nasjax.search.representatives",
    "reinforce": "nasjax.search.reinforce",
    "optuna_tpe": "nasjax.search.optuna_tpe",
    "from_pymoo": "nasjax.search.from_pymoo",
    "coarse_to_fine": "nasjax.search.coarse_to_fine",
    "run_search": "nasjax.search.run",
    "Archive": "nasjax.search.archive",
    "Evaluation": "nasjax.search.archive",
    # what is learned
    "Task": "nasjax.task",
    "Metric": "nasjax.metrics.base",
    "interpolate": "nasjax.ops.params",
    "Model": "nasjax.tasks.base",
    "supernet_model": "nasjax.tasks.base",
    "extracted_model": "nasjax.tasks.base",
    "SuperResolutionTask": "nasjax.tasks.super_resolution",
    "super_resolution": "nasjax.tasks.super_resolution",
    "Adversarial": "nasjax.tasks.adversarial",
    "Teaching": "nasjax.tasks.translation",
    "Keeping": "nasjax.tasks.translation",
    "Translation": "nasjax.tasks.translation",
    "translation": "nasjax.tasks.translation",
    "open_source": "nasjax.data.spec",
    "embedded_photos": "nasjax.data.embedded",
    "furniture": "nasjax.data.embedded_pairs",
    "check_data": "nasjax.data.check",
    "patches": "nasjax.data.pipeline",
    "TrainConfig": "nasjax.train.config",
    "data_mesh": "nasjax.train.parallel",
    "init_state": "nasjax.train.state",
    "make_step": "nasjax.train.step",
    "fit": "nasjax.train.loop",
    "RunLog": "nasjax.train.log",
    "Writer": "nasjax.train.writers",
    "TensorBoard": "nasjax.train.writers",
    "WandB": "nasjax.train.writers",
    "fingerprint": "nasjax.basis",
    "collect": "nasjax.metrics.features",
    "frechet_distance": "nasjax.metrics.distribution",
    "kernel_distance": "nasjax.metrics.distribution",
    "lpips": "nasjax.metrics.lpips",
    "psnr": "nasjax.metrics.image",
    "ssim": "nasjax.metrics.image",
    "sr_protocol": "nasjax.metrics.image",
    # what is shipped
    "Card": "nasjax.export.card",
    "deployed": "nasjax.export.network",
    "write_bundle": "nasjax.export.bundle",
    "load_bundle": "nasjax.export.bundle",
    "load_trainable": "nasjax.export.trainable",
    "import_teacher": "nasjax.export.teachers",
    "load_teacher": "nasjax.export.teachers",
    "upscale": "nasjax.apply.upscalers",
    "apply_bundle": "nasjax.apply.files",
    "FileOptions": "nasjax.apply.plan",
    "stylize": "nasjax.apply.stylize",
    "stylize_files": "nasjax.apply.stylize_files",
    "StyleOptions": "nasjax.apply.stylize",
    "write_report": "nasjax.report.page",
    "load_run": "nasjax.report.run",
    # a whole experiment
    "Experiment": "nasjax.config",
    "System": "nasjax.config",
    "DataConfig": "nasjax.config",
    "StageConfig": "nasjax.config",
    "ConfirmConfig": "nasjax.config",
    "FinalConfig": "nasjax.config",
    "Networks": "nasjax.system",
    "Ground": "nasjax.system",
    "Measure": "nasjax.shown",
    "Rival": "nasjax.system",
    "Trial": "nasjax.tasks.trial",
    "Panel": "nasjax.shown",
    "Strip": "nasjax.shown",
    "Tested": "nasjax.system",
    "same_size": "nasjax.system",
    "SuperResolution": "nasjax.systems.super_resolution.system",
    "filter_image": "nasjax.apply.filter_files",
    "load_filter": "nasjax.apply.filtering",
    "PhotoFilter": "nasjax.systems.photo_filter.system",
    "PerceptualSuperResolution": "nasjax.systems.perceptual.system",
    "StyleTransfer": "nasjax.systems.style_transfer.system",
    "ImageTranslation": "nasjax.systems.translation.system",
    "Tutor": "nasjax.systems.translation.settings",
    "compression": "nasjax.systems.translation.compress",
    "load_config": "nasjax.chain.configs",
    "run_experiment": "nasjax.chain.experiment",
    "train_one": "nasjax.chain.steps",
    "finetune_arch": "nasjax.chain.steps",
    "evaluate_arch": "nasjax.chain.steps",
    "evaluate_bundle": "nasjax.chain.steps",
    "export_arch": "nasjax.chain.steps",
    "export_style_network": "nasjax.systems.style_transfer.ship",
}


# Modules that are reached as `nasjax.NAME`, imported at first use as well.
MODULES = ("plots",)


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f"nasjax.{name}")
    if name not in PUBLIC:
        raise AttributeError(f"module 'nasjax' has no attribute {name!r}; public names: {', '.join(sorted(PUBLIC))}")
    value = getattr(import_module(PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC, *MODULES})
