"""Sub-commands of `nasjax`, each a module with `add` (its arguments) and `run`."""
