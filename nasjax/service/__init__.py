"""Pictures edited over HTTP: one at once, many as a job that survives a restart, and a page for people."""

from nasjax.service.app import make_app
from nasjax.service.models import EditOptions, Model, edit
from nasjax.service.run import serve
from nasjax.service.settings import Settings

__all__ = ["EditOptions", "Model", "Settings", "edit", "make_app", "serve"]
