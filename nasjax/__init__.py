"""Neural architecture search for image generators: search is integers, networks are functions, tasks are losses."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it, imported at first use: `import nasjax` itself costs nothing, not even jax.
PUBLIC = {
    # what may be built
    "Choice": "nasjax.space",
    "SearchSpace": "nasjax.space",
    "Op": "nasjax.ops.base",
    "Supernet": "nasjax.supernet.base",
    "sr_cell": "nasjax.spaces.sr_cell",
    "photonet": "nasjax.spaces.photonet",
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
    "coarse_to_fine": "nasjax.search.coarse_to_fine",
    "run_search": "nasjax.search.run",
    "Archive": "nasjax.search.archive",
    "Evaluation": "nasjax.search.archive",
    # what is learned
    "Task": "nasjax.task",
    "Metric": "nasjax.metrics.base",
    "Model": "nasjax.tasks.base",
    "supernet_model": "nasjax.tasks.base",
    "extracted_model": "nasjax.tasks.base",
    "SuperResolution": "nasjax.tasks.super_resolution",
    "super_resolution": "nasjax.tasks.super_resolution",
    "Adversarial": "nasjax.tasks.adversarial",
    "Teaching": "nasjax.tasks.translation",
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
    "upscale": "nasjax.apply.images",
    "apply_bundle": "nasjax.apply.files",
    "stylize": "nasjax.apply.stylize",
    "stylize_files": "nasjax.apply.stylize",
    "StyleOptions": "nasjax.apply.stylize",
    "write_report": "nasjax.report.page",
    # a whole experiment
    "Config": "nasjax.config",
    "SpaceConfig": "nasjax.config",
    "DataConfig": "nasjax.config",
    "StageConfig": "nasjax.config",
    "FinalConfig": "nasjax.config",
    "StyleConfig": "nasjax.chain.style.config",
    "load_config": "nasjax.chain.configs",
    "run_experiment": "nasjax.chain.experiment",
    "run_style_experiment": "nasjax.chain.style.experiment",
    "export_style_network": "nasjax.chain.style.graphs",
    "train_stage": "nasjax.chain.steps",
    "finetune_arch": "nasjax.chain.steps",
    "evaluate_bundle": "nasjax.chain.steps",
}


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module 'nasjax' has no attribute {name!r}; public names: {', '.join(sorted(PUBLIC))}")
    value = getattr(import_module(PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
