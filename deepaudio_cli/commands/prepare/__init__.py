"""`deepaudio prepare`: corpora to manifests, and manifests to the shards that recipes train on."""

from deepaudio_cli.commands.prepare import corpora, full_size, mini
from deepaudio_cli.commands.prepare.app import app

__all__ = ["app", "corpora", "full_size", "mini"]
