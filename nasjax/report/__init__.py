"""A run folder as one object, as charts, and as one self-contained HTML page."""

from nasjax.report.page import render, write_report
from nasjax.report.run import Run, load_run

__all__ = ["Run", "load_run", "render", "write_report"]
