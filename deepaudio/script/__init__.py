"""Scripts: what is spoken when, by whom."""

from deepaudio.script.cue import Line, Script
from deepaudio.script.reader import read

__all__ = ["Line", "Script", "read"]
