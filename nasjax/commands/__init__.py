"""Sub-commands of `nasjax`, one module each: `add(parser)` declares its arguments, `run(args, rest)` does it."""
