"""Bundles: what is shipped of a found network, in formats that are each checked against the network itself."""
