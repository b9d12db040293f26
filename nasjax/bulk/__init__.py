"""Pictures in bulk, beyond one machine: a command's change of a picture, over folders and URLs, on a Ray cluster."""
