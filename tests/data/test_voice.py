"""Shards of base TTS and recording: what they hold, how recordings are varied, that support and query are apart."""

import numpy as np
import pytest
import torch

from deepaudio.audio.prior import world
from deepaudio.audio.prior.content import Anchors
from deepaudio.data.voice import STRETCHES, VoiceData, VoiceShards, stretches
from deepaudio.encoders.content import ContentEncoder
from deepaudio.errors import InputError
from deepaudio.prepare.eigenvoice_shards import frames, write_voices
from deepaudio.prepare.speech_shards import Spoken

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spoken() -> Spoken:
    """The base TTS itself as the recording, laid on its own times."""
    from hibari import dsp

    utterance = ContentEncoder().encode("A long road leads over the hills to the old harbour town.")
    sound = torch.from_numpy(dsp.synth(*utterance.spectra, np.random.default_rng(0))).float()
    times = np.array([(p.start, p.end) for p in utterance.phones if p.word >= 0])
    return Spoken("a", "base", "", sound, utterance, Anchors(times, times))


def test_the_base_tts_beside_itself_is_the_same(spoken):
    found = frames(spoken)
    here = found["spoken"].bool()
    source, target = found["source"].float()[here], found["target"].float()[here]
    assert here.float().mean() > 0.5
    apart = (source - target)[:, 1:25].abs().mean()
    assert apart < 0.3 * (source - source.mean(0))[:, 1:25].abs().mean()
    pitch = found["source_pitch"][here] > 0
    assert (pitch == (found["target_pitch"][here] > 0)).float().mean() > 0.7


def test_a_shard_is_written_and_read(spoken, tmp_path):
    assert write_voices(tmp_path / "v", [spoken, spoken._replace(key="b")], (1.0, 0.87)) == 4
    shards = VoiceShards(VoiceData((str(tmp_path / "v"),), batch_items=3))
    tasks = shards.batch(torch.Generator().manual_seed(0))
    assert len(tasks) == 3
    for task in tasks:
        assert not set(task.support.tolist()) & set(task.query.tolist())
        assert set(task.support.tolist()) <= set(task.part.tolist())
        assert torch.isfinite(task.recording).all() and task.clean.shape == task.recording.shape


def test_stretches_move_formants():
    place = np.arange(513) * world.RATE / world.N_FFT
    envelope = -10 + 4 * np.exp(-(((place - 1500) / 400) ** 2))[None]
    codes = torch.from_numpy(world.coded(envelope)).float()
    for stretch, matrix in zip(STRETCHES, stretches(), strict=True):
        peak = place[world.decoded((codes @ matrix).double().numpy())[0].argmax()]
        assert peak == pytest.approx(1500 * stretch, rel=0.06)


def test_missing_and_short_shards_are_named(tmp_path):
    with pytest.raises(InputError, match="no shard of voices"):
        VoiceShards(VoiceData((str(tmp_path / "nothing"),)))
    with pytest.raises(ValueError, match="at least one"):
        VoiceData(())
