"""Drawn scenes sound when they say so, mouths open when something is said, and seeds repeat."""

import av
import numpy as np
import pytest
import torch

from deepaudio.data.corpora.grid import grid_held_out
from deepaudio.data.synthetic import clips as synthetic
from deepaudio.data.synthetic.draw import Camera
from deepaudio.data.synthetic.face import MOUTH_RATE, mouth_track
from deepaudio.data.synthetic.falls import ball_height, bounces
from deepaudio.data.synthetic.scene import of
from deepaudio.data.synthetic.scenes import KINDS, make
from deepaudio.data.synthetic.sound import MATERIALS, SAMPLE_RATE, Body
from deepaudio.errors import InputError
from deepaudio.media.audio import write_wav
from deepaudio.prepare.mini_v2a import examples_of, grid
from tests.media.conftest import run


def test_bounces_follow_the_law_of_falling():
    touches = bounces(fall=1.0, height=0.5, gravity=4.0, restitution=0.5, until=9.0)
    times, speeds = zip(*touches, strict=True)
    assert times[0] == pytest.approx(1.5)  # sqrt(2 h / g) after it was let go
    assert speeds[:2] == pytest.approx((2.0, 1.0))
    assert times[1] - times[0] == pytest.approx(0.5)  # 2 v / g
    at = [ball_height(t, 1.0, 0.5, 4.0, touches) for t in (0.0, *times[:3], times[0] + 0.25)]
    assert at == pytest.approx([0.5, 0, 0, 0, 0.125], abs=1e-6)  # v^2 / 2 g at the top


@pytest.mark.parametrize("kind", list(KINDS))
def test_scenes_sound_from_their_first_onset_on(kind):
    for seed in range(3):
        scene = make(kind, 3.2, np.random.default_rng(seed))
        assert len(scene.waveform) == round(3.2 * SAMPLE_RATE)
        assert np.isfinite(scene.waveform).all() and np.abs(scene.waveform).max() < 1.6
        if kind in ("still",):
            assert not scene.waveform.any()
        if scene.onsets and kind != "roll":
            before = scene.waveform[: int(scene.onsets[0] * SAMPLE_RATE)]
            assert np.abs(before).max(initial=0) < 1e-6  # but for the rounding of the room
            at = int(scene.onsets[0] * SAMPLE_RATE)
            assert np.abs(scene.waveform[at : at + 2400]).max() > 1e-3


def test_the_same_seed_draws_the_same_clip_and_another_seed_another():
    def pictures(seed):
        rng = np.random.default_rng(seed)
        scene = make("hit", 1.0, rng)
        return np.stack([p for _, p in Camera(rng, (40, 30), 10.0).frames(scene.draw, 1.0)])

    assert np.array_equal(pictures(5), pictures(5))
    assert not np.array_equal(pictures(5), pictures(6))


def test_metal_rings_longer_than_wood_and_larger_things_are_lower():
    def decay(material):
        sound = Body(material, np.random.default_rng(0)).strike(0.8, np.random.default_rng(1))
        energy = np.cumsum(sound[::-1] ** 2)[::-1]
        return np.argmax(energy < 0.01 * energy[0]) / SAMPLE_RATE

    assert decay("metal") > 3 * decay("wood")
    for material in MATERIALS:
        large, small = (Body(material, np.random.default_rng(2), size) for size in (1.0, 0.0))
        assert large.frequencies[0] < small.frequencies[0]


def test_the_mouth_opens_for_vowels_and_rests_in_pauses():
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    vowel = sum(np.sin(2 * np.pi * f * t) for f in (120, 480, 600, 720, 840))
    opening = mouth_track(vowel * (t > 1.0), SAMPLE_RATE)[:, 0]
    assert opening[int(1.3 * MOUTH_RATE) : int(1.8 * MOUTH_RATE)].min() > 0.7
    assert opening[: int(0.8 * MOUTH_RATE)].max() < 0.05


@pytest.mark.slow
def test_scenes_come_in_all_kinds_and_repeat():
    first = [(e.key, e.prompts) for e in synthetic.scenes(8, 3)]
    assert first == [(e.key, e.prompts) for e in synthetic.scenes(8, 3)]
    assert len({key.split("-")[0] for key, _ in first}) >= 3


def test_another_material_sounds_at_the_same_moments():
    scene = make("hit", 3.2, np.random.default_rng(0), "wood")
    other = of(scene, "glass", np.random.default_rng(1))
    assert other.onsets == scene.onsets and other.draw is scene.draw
    assert not np.allclose(other.waveform, scene.waveform)
    assert any(word in other.prompt for word in ("glass", "crystal"))


def test_talkers_say_what_can_be_read_and_the_rest_is_named(tmp_path, caplog):
    (tmp_path / "a.wav").write_bytes(b"RIFF no sound at all")
    with pytest.raises(InputError, match=r"a\.wav"):
        list(examples_of("talk", 3, 0, tmp_path))
    write_wav(tmp_path / "empty.wav", torch.zeros(0), SAMPLE_RATE)
    write_wav(tmp_path / "b.wav", torch.rand(4 * SAMPLE_RATE) - 0.5, SAMPLE_RATE)
    (tmp_path / "b.wav").rename(tmp_path / "b.WAV")
    caplog.clear()
    made = list(examples_of("talk", 8, 0, tmp_path))
    assert len(made) == 8 and sum(example.waveform.any() for example in made) > 4
    assert caplog.text.count("a.wav") == 1


def test_clips_of_grid_that_cannot_be_read_are_named_and_left_out(tmp_path, caplog):
    (tmp_path / "MANIFEST.tsv").write_text("file\ttranscript\nbroken.mpg\tbin blue\n")
    (tmp_path / "broken.mpg").write_bytes(b"no clip")
    with pytest.raises(InputError, match=r"broken\.mpg"):
        list(grid(tmp_path, grid_held_out("broken")))
    assert "left out broken" in caplog.text


def test_a_clip_of_grid_whose_frames_cannot_be_decoded_is_named_and_left_out(
    tmp_path, command, capsys
):
    """The index of such a clip is whole: only looking at its frames finds the damage."""
    (tmp_path / "clips").mkdir()
    names = ("bbaf2n", "bbaf3s")
    for name in names:
        clip = tmp_path / "clips" / f"{name}.mp4"
        seen, heard = "testsrc2=s=160x120:d=1", "sine=d=1"
        run("-f", "lavfi", "-i", seen, "-f", "lavfi", "-i", heard, "-c:v", "libx264", clip)
    rows = "".join(f"clips/{name}.mp4\tbin blue\n" for name in names)
    (tmp_path / "MANIFEST.tsv").write_text(f"file\ttranscript\n{rows}")
    damaged = tmp_path / "clips" / "bbaf2n.mp4"
    content = bytearray(damaged.read_bytes())
    with av.open(damaged) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    for start, size in places[len(places) // 2 :]:
        content[start : start + size] = bytes(size)
    damaged.write_bytes(content)
    assert command("prepare", "mini-v2a", "grid", tmp_path / "out", "--speech", tmp_path) == 0
    said = capsys.readouterr().err
    assert "left out bbaf2n: " in said and "damaged frames" in said and "1 entries in" in said
