"""The plan is what happens: start and end of the record are those of the sound; one rule of clamping; the values that were used."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import deepaudio
from deepaudio.data.corpora.grid import grid_items
from deepaudio.data.manifest import Item
from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.foley import foley
from deepaudio.dubbing.jobs import Cast, DubJob, FoleyJob
from deepaudio.dubbing.record import plain
from deepaudio.errors import InputError
from deepaudio.media.audio import read_audio
from deepaudio.options import (
    MAX_SEED,
    EngineDefaults,
    FitOptions,
    MixOptions,
    SampleOptions,
)

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES, MEDIA = ROOT / "examples", ROOT.parent / "shared/media"
STEP = 0.005


def heard(waveform: torch.Tensor, rate: int, around: tuple[float, float]) -> tuple[float, float]:
    """Seconds at which the sound near `around` begins and ends: within 35 dB of its loudest 5 ms."""
    first = max(0.0, around[0] - 0.25)
    part = waveform[round(first * rate) : round((around[1] + 0.25) * rate)].numpy()
    hop = round(STEP * rate)
    power = (part[: len(part) // hop * hop].reshape(-1, hop) ** 2).mean(1)
    loud = np.flatnonzero(np.convolve(power, np.ones(3) / 3, "same") > power.max() * 10**-3.5)
    return first + loud[0] * STEP, first + (loud[-1] + 1) * STEP


@pytest.fixture(scope="module")
def mini():
    return deepaudio.load("mini")


def clips() -> list[Item]:
    """The example and, where the media are, two held-out talking faces."""
    text = (EXAMPLES / "lines.txt").read_text()
    found = [Item(id="example", video=str(EXAMPLES / "clip.mp4"), text=text)]
    if MEDIA.is_dir():
        held_out = sorted(grid_items(MEDIA / "grid_s1", held_out=True), key=lambda i: i.id)
        found += [held_out[len(held_out) // 3], held_out[2 * len(held_out) // 3]]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("item", clips(), ids=lambda item: item.id)
def test_lines_sound_when_the_record_says_so(mini, item, tmp_path):
    job = DubJob(
        Path(item.video),
        text=item.text,
        cast=Cast(EXAMPLES / "voice.wav"),
        output=tmp_path / "out.mkv",
        mix=MixOptions(audio="replace", loudness="off"),
    )
    done = dub(mini, job)
    record = json.loads((tmp_path / "out.mkv.deepaudio.json").read_text())
    assert record["lines"] == done.facts["lines"] and len(record["lines"]) >= 1
    waveform = read_audio(done.output, 24_000)
    for line in record["lines"]:
        start, end = heard(waveform, 24_000, (line["start"], line["end"]))
        assert abs(start - line["start"]) <= 0.04, line
        assert abs(end - line["end"]) <= 0.04, line
        natural = mini.tts.natural_duration(line["text"])
        assert line["speed"] == pytest.approx(natural / (line["end"] - line["start"]), abs=0.01)


def test_speech_goes_on_behind_the_mouth_only_where_the_highest_speed_is_not_enough(
    model, silent_clip, voice
):
    # the stand-in sees speech from 1 to 3 s, and n letters take 0.2 + 0.05 n seconds
    def planned(letters):
        fit = FitOptions(max_speed=1.25)
        return model.generate("dub", silent_clip, "a" * letters, voice, fit=fit, dry_run=True).plan

    fits = planned(44)
    assert fits.lines[0].speed == pytest.approx(1.2, abs=0.03) and fits.warnings == ()
    longer = planned(60)  # 3.2 s, 2.56 s at the highest speed
    assert longer.lines[0].speed == pytest.approx(1.25) and longer.lines[0].overflow == 0
    assert "after the mouth has stopped" in longer.warnings[0]


SRT = "1\n00:00:01,000 --> 00:00:02,000\nInside.\n\n2\n00:00:03,000 --> 00:00:05,000\nOver.\n\n3\n00:00:09,000 --> 00:00:10,000\nAfter.\n"


def test_clamp_has_one_rule_from_the_shell_and_from_python(model, silent_clip, voice):
    job = DubJob(silent_clip, text=SRT, cast=Cast(voice), fit=FitOptions(clamp=True))
    shell = dub(model, job)
    python = model.generate("dub", silent_clip, SRT, voice, fit=FitOptions(clamp=True))
    assert [line["text"] for line in shell.facts["lines"]] == ["Inside.", "Over."]
    assert [line.as_dict()["start"] for line in python.lines] == [
        line["start"] for line in shell.facts["lines"]
    ]
    for notes in (shell.notices.warnings, python.plan.warnings):
        assert any("cue 3" in note and "left out" in note for note in notes)
        assert any("cue 2" in note and "less time" in note for note in notes)
    for call in (
        lambda: dub(model, replace(job, fit=FitOptions())),
        lambda: model.generate("dub", silent_clip, SRT, voice),
    ):
        with pytest.raises(InputError, match="after the end of the clip"):
            call()


ASKED = [
    SampleOptions(),
    SampleOptions(quality="draft"),
    SampleOptions(quality="high", seed=4),
    SampleOptions(steps=3),
    SampleOptions(steps=3, quality="draft"),
    SampleOptions(guidance_scale=2.0),
    SampleOptions(guidance_scale=1.0, seed=9),
    SampleOptions(steps=1, guidance_scale=0.0),
    SampleOptions(sway=0.5, noise_scale=0.7),
    SampleOptions(steps=31, guidance_scale=4.5, sway=-1.0, seed=2, quality="high"),
]


@pytest.mark.parametrize("options", ASKED, ids=range(len(ASKED)))
def test_the_record_holds_what_the_engines_received(model, silent_clip, voice, options, tmp_path):
    job = DubJob(
        silent_clip,
        text="One line.",
        cast=Cast(voice),
        options=options,
        mix=MixOptions(bed="foley"),
        output=tmp_path / "out.mkv",
    )
    dub(model, job)
    record = json.loads((tmp_path / "out.mkv.deepaudio.json").read_text())
    speech = model.tts.calls[-1][4]
    received = dict(model.v2a.calls) | {"speech": replace(speech, seed=options.seed)}
    assert record["sampling"] == {name: plain(used) for name, used in received.items()}
    assert record["lines"][0]["seed"] == speech.seed
    assert record["arguments"]["options"] == plain(options)
    assert None not in record["sampling"]["speech"].values()
    for name in ("steps", "guidance_scale", "sway", "noise_scale"):
        if getattr(options, name) is not None:
            assert getattr(speech, name) == getattr(options, name)


def test_foley_records_what_it_received(model, silent_clip, tmp_path):
    done = foley(model, FoleyJob(silent_clip, output=tmp_path / "o.wav", instruction="sound"))
    assert done.facts["sampling"] == {"sound": plain(dict(model.v2a.calls)["sound"])}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        *((SampleOptions, {"seed": seed}) for seed in (-1, MAX_SEED + 1, 10**20, 1.5)),
        *((SampleOptions, {"steps": steps}) for steps in (-1, 1001, 2.5)),
        *((FitOptions, {"pause": pause}) for pause in (-3, 1e300, math.nan)),
    ],
)
def test_numbers_that_no_engine_takes_are_refused(kind, wrong):
    with pytest.raises(ValueError, match="must be"):
        kind(**wrong)


def test_the_pieces_behind_the_last_seed_begin_at_the_first():
    last = SampleOptions(seed=MAX_SEED)
    assert [last.of_piece(number).seed for number in range(3)] == [MAX_SEED, 0, 1]


def test_steps_that_an_engine_cannot_take_are_refused():
    with pytest.raises(deepaudio.errors.UsageError, match="at least 1"):
        EngineDefaults().fill(SampleOptions(steps=0))
