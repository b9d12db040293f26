"""Sub-commands of `nasjax`, a module each: `add(parser)` says what it takes, `run(args, rest)` does it."""
