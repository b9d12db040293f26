"""Candidate operations as pure functions over explicit params, norms and resampling."""
