"""For all tests: one thread, since threads that wait for each other cost more than they bring; nobody's own settings."""

import logging
import os

import pytest
import torch

torch.set_num_threads(1)

pytest_plugins = ["tests.stand_ins", "tests.miniatures"]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch, tmp_path_factory):
    for name in [name for name in os.environ if name.startswith("DEEPAUDIO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-settings"))


@pytest.fixture
def command():
    """A command of `deepaudio` in this process: arguments in, exit code out."""
    from deepaudio_cli.main import _outcome

    return lambda *arguments: _outcome([str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def _plain_logging():
    """The command line sets levels of the root's and the package's logger; each test starts without them."""
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("deepaudio").setLevel(logging.NOTSET)
