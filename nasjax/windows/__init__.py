"""Image functions on windows of a picture, exactly: what of a window is right, and what must be known of the whole."""
