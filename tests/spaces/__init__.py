"""Tests of the shipped spaces beyond the laws that all of them share."""
