"""`nasjax serve`: pictures edited over HTTP, and a page to drop them on."""

import argparse
import os
from pathlib import Path

from nasjax.commands.given import say
from nasjax.commands.pictures import count
from nasjax.extras import load_extra

TEXT = "edit pictures over HTTP, with a page to drop them on"


def add(parser: argparse.ArgumentParser) -> None:
    """Where it listens, what it offers, and its limits."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default 127.0.0.1: this machine)")
    parser.add_argument("--port", type=int, default=8000, help="port (default 8000; 0: any that is free)")
    model = "a bundle, a stylising network or a run of your own, and the name it gets; may be repeated"
    parser.add_argument("--model", action="append", default=[], type=_named, metavar="NAME=FOLDER", help=model)
    data = "folder of jobs and results (default nasjax-serve); the next start goes on with what is in it"
    parser.add_argument("--data", type=Path, default=Path("nasjax-serve"), metavar="FOLDER", help=data)
    key = "what callers must send as 'Authorization: Bearer KEY' (default: NASJAX_KEY); a must beyond this machine"
    parser.add_argument("--key", default=os.environ.get("NASJAX_KEY", ""), help=key)
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-bytes", type=count, metavar="N", help="of one picture's file (default 64 MiB)")
    limits.add_argument("--max-pixels", type=count, metavar="N", help="of a picture or its result (default 100M)")
    limits.add_argument("--max-stored", type=count, metavar="N", help="bytes of all jobs (default 20 GiB)")
    limits.add_argument("--queue", type=int, metavar="N", help="pictures that wait, at most (default 512)")
    limits.add_argument("--timeout", type=float, metavar="S", help="that a caller waits for a picture (default 120)")
    limits.add_argument("--upload-timeout", type=float, metavar="S", help="for a request to arrive (default 300)")
    limits.add_argument(
        "--idle-timeout", type=float, metavar="S", help="without a byte of it, or of an answer taken (default 20)"
    )
    limits.add_argument("--expire", type=float, metavar="S", help="that results are kept (default 86400: a day)")


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Serve until a signal."""
    for module in ("starlette", "uvicorn", "python_multipart"):
        load_extra(module, "serve", "nasjax serve")
    from nasjax.compiled import keep_compiled
    from nasjax.service.models import load_models
    from nasjax.service.run import serve
    from nasjax.service.settings import Settings

    names = ("host", "port", "data", "key", "max_bytes", "max_pixels", "max_stored", "queue")
    names += ("timeout", "upload_timeout", "idle_timeout", "expire")
    settings = Settings(**{name: value for name in names if (value := getattr(args, name)) is not None})
    keep_compiled()
    models = load_models(args.model)
    say(f"models: {', '.join(models)}")
    serve(settings, models, lambda address: say(f"nasjax serve: {address}"))
    return 0


def _named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not equals or not folder:
        raise argparse.ArgumentTypeError(f"a model such as mine=runs/mine is needed, got {text!r}")
    return name, Path(folder)
