"""The weight-sharing supernet: one forward function, three modes."""
