"""Shipped search spaces, each as data plus one forward function."""
