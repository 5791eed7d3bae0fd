"""Reading and writing sound: every form in, exact samples out, nothing half-written."""

import errno
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from deepaudio.errors import InputError, ResourceError
from deepaudio.media import audio
from deepaudio.media.audio import read_audio, read_native, write_wav

RATE = 24_000


def tone(seconds=1.0, rate=RATE, hertz=440.0):
    return 0.5 * torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * rate)) / rate)


def refused(path, code):
    with pytest.raises(InputError) as error:
        read_audio(path, RATE)
    assert error.value.code == code, error.value.message
    return error.value


@pytest.mark.parametrize(
    "name",
    [
        "sound.wav",
        "sound.mp3",
        "sound.m4a",
        "sound.opus",
        "plain.mp4",
        "plain.mkv",
        "plain.mpg",
        "surround.mkv",
    ],
)
def test_every_container(corpus, name):
    found = read_audio(corpus(name), RATE)
    assert found.ndim == 1 and found.dtype == torch.float32
    assert found.numel() == pytest.approx(2 * RATE, abs=0.06 * RATE)
    middle = found[RATE // 2 : RATE]
    pitch = (
        torch.fft.rfft(middle * torch.hann_window(middle.numel())).abs().argmax()
        * RATE
        / middle.numel()
    )
    assert float(pitch) == pytest.approx(440, abs=3)
    assert 0.055 < float(middle.std()) < 0.095


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 192_000])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "PCM_U8"])
def test_rates_and_depths(tmp_path, rate, subtype):
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(0.5, rate).numpy(), rate, subtype=subtype)
    found = read_audio(path, RATE)
    assert found.numel() == pytest.approx(0.5 * RATE, abs=2)
    expected = tone(0.5)[500:-500]
    assert float((found[500 : 500 + expected.numel()] - expected).abs().max()) < 0.02


def test_channels_are_kept_or_averaged(tmp_path):
    path = tmp_path / "x.wav"
    eight = np.stack([np.full(1000, c / 10, np.float32) for c in range(8)], 1)
    soundfile.write(path, eight, RATE, subtype="FLOAT")
    found, rate = read_native(path)
    assert found.shape == (8, 1000) and rate == RATE
    assert torch.allclose(read_audio(path, RATE), torch.full((1000,), 0.35))
    assert read_audio(path, RATE, mono=False).shape == (8, 1000)


def test_values_beyond_full_scale_are_kept_and_nan_refused(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.full(1000, 3.0, np.float32), RATE, subtype="FLOAT")
    assert float(read_audio(path, RATE).max()) == 3.0
    for bad in (np.nan, np.inf):
        samples = np.zeros(1000, np.float32)
        samples[7] = bad
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        assert "1 samples" in refused(path, "audio.not_finite").message


def test_bad_files(tmp_path, corpus):
    refused(tmp_path / "no.wav", "audio.missing")
    (tmp_path / "t.wav").write_text("hello, this is text\n")
    refused(tmp_path / "t.wav", "audio.not_media")
    (tmp_path / "e.wav").touch()
    refused(tmp_path / "e.wav", "audio.empty")
    refused(corpus("silent.mp4"), "audio.no_audio")
    soundfile.write(tmp_path / "z.wav", np.zeros(0, np.float32), RATE)
    refused(tmp_path / "z.wav", "audio.empty")
    (tmp_path / "p.wav").write_text("#EXTM3U\nfile.ts\n")
    refused(tmp_path / "p.wav", "audio.playlist")


def test_sound_of_a_clip_counts_from_the_start_of_the_picture(corpus, tmp_path):
    from_ts = read_audio(corpus("plain.ts"), RATE)
    assert from_ts.numel() == pytest.approx(2 * RATE, abs=0.06 * RATE), (
        "not padded by its 1.4 s of start time"
    )


def test_gaps_stay_where_they_are(corpus):
    found = read_audio(corpus("gap.mkv"), RATE).abs()
    assert found.numel() == pytest.approx(2 * RATE, abs=0.06 * RATE)
    assert float(found[int(0.6 * RATE) : int(1.1 * RATE)].max()) < 0.01
    assert float(found[int(1.4 * RATE) :].max()) > 0.05


@pytest.mark.parametrize("bits", [16, 24])
def test_what_is_written_is_read_back(tmp_path, bits):
    given = torch.stack([tone(), -tone()])
    path = write_wav(tmp_path / "x.wav", given, RATE, bits=bits)
    found, rate = read_native(path)
    assert rate == RATE and found.shape == given.shape
    assert float((found - given).abs().max()) <= 1.01 / 2**bits
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, bits // 8)


def test_full_scale_and_beyond_do_not_wrap(tmp_path):
    given = torch.tensor([1.0, -1.0, 1.5, -1.5, 0.0])
    found, _ = read_native(write_wav(tmp_path / "x.wav", given, RATE))
    assert found[0].tolist() == pytest.approx([1, -1, 1, -1, 0], abs=1e-4)


def test_same_samples_give_the_same_bytes(tmp_path):
    one = write_wav(tmp_path / "a.wav", tone(), RATE).read_bytes()
    assert one == write_wav(tmp_path / "b.wav", tone(), RATE).read_bytes()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_not_finite_is_never_written(tmp_path, bad):
    path = tmp_path / "x.wav"
    path.write_bytes(b"older")
    with pytest.raises(ValueError, match="NaN or infinite"):
        write_wav(path, torch.tensor([0.0, bad]), RATE)
    assert path.read_bytes() == b"older" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_failing_disk_leaves_the_older_file(tmp_path, monkeypatch, number):
    path = tmp_path / "x.wav"
    path.write_bytes(b"older")
    calls = []

    def fail(block, bits):
        calls.append(1)
        if len(calls) > 1:
            raise OSError(number, "no")
        return bytes(block.numel() * bits // 8)

    monkeypatch.setattr(audio, "_pcm", fail)
    with pytest.raises((ResourceError, InputError)) as error:
        write_wav(path, torch.zeros(3 << 20), RATE)
    assert isinstance(error.value, ResourceError) == (number == errno.ENOSPC)
    assert path.read_bytes() == b"older" and len(list(tmp_path.iterdir())) == 1


def test_small_real_disk(tmp_path):
    """A real full device, where there is one to write to."""
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(OSError, match="No space"):
        audio.write_pcm(device, torch.zeros(1 << 20), RATE)
