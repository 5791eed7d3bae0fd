"""What a listener hears: a recogniser reads the shipped example and finds its lines."""

import json
from pathlib import Path

import pytest
import torchaudio.functional as AF

from deepaudio.judges import open_judge
from deepaudio.media.audio import read_native
from deepaudio.metrics.transcripts import wer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RATE = 16_000

pytestmark = pytest.mark.slow


def test_a_dub_says_its_lines_at_their_times(command, tmp_path, capsys):
    """The example of the README: each line is read back from its own seconds, and the other line is not."""
    out = tmp_path / "dub.mp4"
    clip, script, voice = (EXAMPLES / name for name in ("clip.mp4", "lines.txt", "voice.wav"))
    assert command("dub", clip, "--script", script, "--ref", voice, "-o", out, "--json") == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    channels, rate = read_native(out)
    sound = AF.resample(channels.mean(0), rate, RATE)
    listen = open_judge("whisper-tiny.en")
    heard = [
        listen(sound[round((line["start"] - 0.2) * RATE) : round((line["end"] + 0.2) * RATE)], RATE)
        for line in lines
    ]
    assert len(lines) == 2
    for line, own, other in zip(lines, heard, reversed(heard), strict=True):
        assert wer(line["text"], own) <= 0.15, own
        assert wer(line["text"], other) > 0.5
