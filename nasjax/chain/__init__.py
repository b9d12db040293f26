"""The chain from a config to an exported network: the one place where search, networks, tasks and data meet."""
