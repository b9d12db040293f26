"""Fields of a config on the command line."""

from nasjax.config import Experiment


def overridden(base: Experiment, rest: list[str], named: str) -> Experiment:
    """An experiment with the overrides of the command line; an unknown field ends the program with a message."""
    if not rest:
        return base
    import tyro

    # What a config leaves None, as a discriminator, is not switched on by a field of it: that is another config.
    plain, prog = (tyro.conf.AvoidSubcommands,), f"nasjax ... {named}"
    return tyro.cli(Experiment[type(base.system)], default=base, args=rest, prog=prog, config=plain)
