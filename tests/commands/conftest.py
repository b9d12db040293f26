"""Commands that are ready to be run, once for all tests of files."""

import pytest

from tests.commands.members import COMMANDS, Command


@pytest.fixture(scope="session", params=COMMANDS)
def command(request, tmp_path_factory) -> Command:
    """A command with its network."""
    return COMMANDS[request.param](tmp_path_factory.mktemp("network"))
