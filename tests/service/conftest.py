"""A service for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.service.running import Service, running


@pytest.fixture
def service(tmp_path) -> Iterator[Service]:
    """A service with small limits."""
    with running(tmp_path / "data", max_bytes=200_000, max_pixels=100_000, queue=20) as found:
        yield found
