"""Photo filters: a look or a correction, learned from two folders of pictures."""
