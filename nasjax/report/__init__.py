"""A run folder as one self-contained HTML page."""

from nasjax.report.page import render, write_report

__all__ = ["render", "write_report"]
