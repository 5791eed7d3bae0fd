"""Banks of recordings: what is written is what segments are cut from."""

import numpy as np
import pytest
import torch

from deepaudio.audio.grid import HOP, SAMPLE_RATE
from deepaudio.data.vocoder import Bank, segments, write_bank
from deepaudio.errors import InputError
from deepaudio.media.audio import write_wav
from deepaudio.prepare.vocoder_bank import recordings


def hum(hertz: float, seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (
        sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 8)).astype(np.float32) * 0.1
    )


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> Bank:
    folder = tmp_path_factory.mktemp("bank")
    write_bank(
        folder,
        {"low": hum(110, 1.0), "high": hum(220, 0.5), "silent": np.zeros(SAMPLE_RATE, np.float32)},
    )
    return Bank.open(folder)


def test_silence_is_left_out_and_peaks_are_equal(bank):
    assert len(bank.starts) == 2
    assert len(bank.audio) == len(bank.pitch) * HOP
    for start, hops in zip(bank.starts, bank.lengths, strict=True):
        part = bank.audio[start * HOP : (start + hops) * HOP]
        assert np.abs(part).max() / 32767 == pytest.approx(0.9, abs=0.01)


def test_pitch_is_that_of_the_recording(bank):
    low = bank.pitch[bank.starts[0] : bank.starts[0] + bank.lengths[0]]
    assert np.median(low[low > 0]) == pytest.approx(110, rel=0.01)


def test_segments_have_their_own_pitch_and_no_other_recording(bank):
    rng = torch.Generator().manual_seed(3)
    batch = next(segments([bank], [1.0], 33, 16, rng))
    assert batch.waveform.shape == (16, 32 * HOP) and batch.pitch.shape == (16, 33)
    for waveform, pitch in zip(batch.waveform, batch.pitch, strict=True):
        spectrum = torch.fft.rfft(waveform * torch.hann_window(len(waveform))).abs()
        loudest = float(spectrum.argmax()) * SAMPLE_RATE / len(waveform)
        assert loudest == pytest.approx(float(pitch[pitch > 0].median()), rel=0.05)


def test_a_short_recording_is_padded(bank):
    batch = next(segments([bank], [1.0], 200, 4, torch.Generator().manual_seed(0)))
    assert (batch.waveform[:, -HOP:] == 0).all() and (batch.pitch[:, -1] == 0).all()


def test_same_seed_same_segments(bank):
    one, two = (
        next(segments([bank], [1.0], 20, 3, torch.Generator().manual_seed(5))) for _ in range(2)
    )
    assert torch.equal(one.waveform, two.waveform)


def test_missing_bank_is_named(tmp_path):
    with pytest.raises(InputError, match="no vocoder bank"):
        Bank.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("index.json", b"{"),
        ("index.json", b'{"recordings": [{}]}'),
        ("index.json", b"[]"),
        ("audio.npy", b"half"),
        ("pitch.npy", b""),
    ],
)
def test_a_damaged_bank_is_named(tmp_path, name, content):
    write_bank(tmp_path, {"a": np.sin(np.arange(24_000) / 20).astype(np.float32)}, speech=False)
    assert Bank.open(tmp_path).lengths.tolist() == [93]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is damaged"):
        Bank.open(tmp_path)


def test_folder_of_files_without_the_held_out_clips(tmp_path):
    folder = tmp_path / "grid"
    folder.mkdir()
    for stem in ("bbaf2n", "bbaf3s", "bbaf4p", "bbaf5a", "bbal6n", "bbal7s", "bbal8p", "bbal9a"):
        write_wav(folder / f"{stem}.wav", torch.zeros(2400), SAMPLE_RATE)
    from deepaudio.data.corpora.grid import grid_held_out

    names = {name.removesuffix(".wav") for name, _ in recordings(folder)}
    assert names and not any(grid_held_out(name) for name in names)
    assert len(names) == sum(not grid_held_out(p.stem) for p in folder.iterdir())
    assert len(list(recordings(folder, most=2))) == 2


def test_recordings_that_cannot_be_read_are_named_and_left_out(tmp_path, caplog):
    (tmp_path / "a.wav").write_bytes(b"RIFF no sound at all")
    with pytest.raises(InputError, match=r"a\.wav"):
        list(recordings(tmp_path))
    write_wav(tmp_path / "b.wav", torch.full((2400,), 0.1), SAMPLE_RATE)
    (tmp_path / "b.wav").rename(tmp_path / "b.WAV")
    assert [name for name, _ in recordings(tmp_path)] == ["b.WAV"]
    assert "left out" in caplog.text and "a.wav" in caplog.text
