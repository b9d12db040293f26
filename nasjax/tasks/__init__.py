"""What to learn: each task is a page of losses that the one trainer walks."""
