"""What an arch costs, without building it: exact tables, budgets and measured latency; integers in, numbers out.

`count` counts one piece of network, `table` adds pieces up for whole populations and finds the cheapest and dearest
archs exactly, `budget` and `feasible` turn `macs<=4G@1280x720` into limits and refuse impossible ones, `latency`
measures, and `profile` summarises a space.
"""
