"""Search algorithms over integer archs: ask, evaluate, tell. Nothing here knows what a network is."""
