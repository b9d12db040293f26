"""Forms with pictures, from the network straight into files, within limits of size, number and time."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from nasjax.service.names import safe_suffix

FILES = ("picture", "style")  # fields that are files
_FIELD_BYTES, _FIELDS = 4096, 32
# Bytes a second that a request arrives with on average, once it took the time in which nothing may arrive: below any
# telephone line, and far above what keeps a connection, and a place among those that may arrive, just so.
_SLOWEST = 4096


class UploadLimits(NamedTuple):
    """Bytes of one file and of a request, files of a request, and seconds for all of it and between two pieces."""

    file_bytes: int
    total_bytes: int
    files: int
    seconds: float
    idle_seconds: float


class Upload(NamedTuple):
    """A file of a form: the field, the name that the caller gave it, where it lies, and how large it is."""

    field: str
    name: str
    path: Path
    size: int


class Form(NamedTuple):
    """What a form holds."""

    fields: dict[str, str]
    files: list[Upload]


async def receive(request: Request, folder: Path, limits: UploadLimits) -> Form:
    """Read a form (multipart/form-data) and put its files into a folder.

    Raises HTTPException: 415 for another type of body, 413 for too much, 408 for too slowly, 422 for a broken form,
    507 where the disk is full.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise HTTPException(415, "the body must be a form, multipart/form-data, with its pictures as files")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limits.total_bytes:
        raise HTTPException(413, _too_much("request", limits.total_bytes))
    parts = _Parts(folder, limits)
    try:
        parser = MultipartParser(options[b"boundary"], parts.callbacks())
        await _feed(request, parser.write, limits)
    except FormParserError as error:
        raise HTTPException(422, f"the form is broken: {error}") from error
    except ClientDisconnect as error:
        raise HTTPException(499, "the caller has left") from error
    except OSError as error:
        raise HTTPException(507, f"the request cannot be stored: {error.strerror}") from error
    finally:
        parts.close()
    if not parts.complete:
        raise HTTPException(422, "the form is broken: it ends in the middle")
    return Form(parts.fields, parts.files)


async def _feed(request: Request, write: Callable[[bytes], Any], limits: UploadLimits) -> None:
    """The body, piece by piece; counted and timed."""
    pieces, total, begun = aiter(request.stream()), 0, time.monotonic()
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces), _patience(limits, time.monotonic() - begun, total))
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            waited = f"{limits.idle_seconds:g} s without a byte, {limits.seconds:g} s in all, {_SLOWEST} bytes a second"
            raise HTTPException(408, f"the request arrives too slowly; the limits are {waited}") from error
        total += len(piece)
        if total > limits.total_bytes:
            raise HTTPException(413, _too_much("request", limits.total_bytes))
        if piece:
            write(piece)


def _patience(limits: UploadLimits, seconds: float, total: int) -> float:
    """How long to wait for the next byte of a request of which so many arrived in so many seconds."""
    due = max(limits.idle_seconds, total / _SLOWEST) if seconds > limits.idle_seconds else float("inf")
    return min(limits.idle_seconds, limits.seconds - seconds, due - seconds)


@final
class _Parts:
    """What the parser finds, as fields and files; one file is open at a time."""

    def __init__(self, folder: Path, limits: UploadLimits):
        self.fields: dict[str, str] = {}
        self.files: list[Upload] = []
        self.complete = False
        self._folder, self._limits = folder, limits
        self._header, self._value = b"", b""
        self._field, self._name, self._path = "", "", folder
        self._file: BinaryIO | None = None
        self._text, self._size = b"", 0

    def callbacks(self) -> Any:
        """Who the parser tells what."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add_header(data[start:end]),
            "on_header_value": lambda data, start, end: self._add_value(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": lambda data, start, end: self._write(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def close(self) -> None:
        """Close the file that is open, if there is one."""
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self._header, self._value, self._field, self._name = b"", b"", "", ""
        self._file, self._text, self._size = None, b"", 0

    def _add_header(self, piece: bytes) -> None:
        self._header += piece

    def _add_value(self, piece: bytes) -> None:
        self._value += piece

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._field = options.get(b"name", b"").decode(errors="replace")
            self._name = options.get(b"filename", b"").decode(errors="replace")
        self._header, self._value = b"", b""

    def _open(self) -> None:
        if not self._name:
            if len(self.fields) >= _FIELDS:
                raise HTTPException(413, f"the form has more than {_FIELDS} fields")
            return
        number = len(self.files)
        if number >= self._limits.files:
            raise HTTPException(413, f"the form has more than {self._limits.files} files")
        # Its place among the others is its name: nothing that a stranger wrote becomes a path.
        self._path = self._folder / f"{number:05d}{safe_suffix(self._name)}"
        self._file = self._path.open("xb")

    def _write(self, piece: bytes) -> None:
        if self._file is None and self._field in FILES:
            raise HTTPException(422, f"{self._field!r} must be a file; its part of the form has no file name")
        self._size += len(piece)
        limit = _FIELD_BYTES if self._file is None else self._limits.file_bytes
        if self._size > limit:
            what = f"field {self._field[:40]!r}" if self._file is None else self._name[:100]
            raise HTTPException(413, _too_much(what, limit))
        if self._file is None:
            self._text += piece
        else:
            self._file.write(piece)

    def _end(self) -> None:
        if self._file is None:
            if self._field in FILES:  # what a page sends where nobody chose a file
                return
            self.fields[self._field] = self._text.decode(errors="replace").strip()
            return
        self._file.close()
        self.files.append(Upload(self._field, self._name, self._path, self._size))

    def _finish(self) -> None:
        self.complete = True


def _too_much(what: str, limit: int) -> str:
    return f"{what}: more than the {f'{limit / 2**20:g} MiB' if limit > _FIELD_BYTES else f'{limit} bytes'} allowed"
