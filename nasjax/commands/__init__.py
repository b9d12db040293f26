"""The sub-commands of `nasjax`: each module has `add(parser)` and `run(args, rest)`, and imports the rest late."""
