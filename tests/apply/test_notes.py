"""Warnings of image libraries are lines of text for who listens, and what they were for everybody else."""

import logging
import threading
import warnings

import pytest
from PIL import Image

from nasjax.apply.notes import listening


def _warn(text):
    """A warning as Pillow's own modules raise it."""
    warnings.warn_explicit(text, UserWarning, "Image.py", 1, module="PIL.Image")


def test_warnings_and_logs_are_heard_as_lines():
    """In one line each; afterwards they are warnings again, and the limits what they were."""
    limit = Image.MAX_IMAGE_PIXELS
    with listening() as lines:
        assert Image.MAX_IMAGE_PIXELS is None
        _warn("two\nlines")
        logging.getLogger("PIL.TiffImagePlugin").warning("a %s line", "logged")
    assert lines == ["two lines", "a logged line"] and limit == Image.MAX_IMAGE_PIXELS
    with pytest.warns(UserWarning, match="once more"):
        _warn("once more")


def test_each_thread_hears_its_own():
    """Two files that are read at the same time do not get each other's warnings."""
    both, heard = threading.Barrier(2), {}

    def work(name):
        with listening() as lines:
            both.wait(10)
            _warn(name)
            both.wait(10)
        heard[name] = lines

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {"a": ["a"], "b": ["b"]}
