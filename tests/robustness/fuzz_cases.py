"""The cases of the fuzzing, one after the other in a process that may crash or hang: `python -m tests.robustness.fuzz_cases FOLDER SEED FIRST`.

Before and after each case a line of JSON goes to standard output. A case has its own generator, so that its number and the seed make it again.
An error that the tool means is an outcome; any other exception, a file opened outside of what belongs to the case, a host asked for, a
canary that was read, a temporary file or a changed input is a finding.
"""

import json
import os
import random
import resource
import shutil
import sys
import traceback
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from deepaudio import script
from deepaudio.dubbing import batch as batches
from deepaudio.dubbing.batch import run_stream
from deepaudio.dubbing.batch_manifest import read_batch
from deepaudio.dubbing.checks import read_voices
from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.jobs import BatchJob, Cast, DubJob, Extras, Policy
from deepaudio.errors import DeepAudioError, of_system
from deepaudio.inference.model import DeepAudio
from deepaudio.media import ffmpeg
from deepaudio.media.probe import probe
from deepaudio.notices import Notices
from deepaudio.options import FitOptions, MixOptions
from deepaudio.script.emit import to_json
from deepaudio.script.subtitles import to_subtitles
from tests.media.conftest import Corpus
from tests.robustness.mutate import WORDS, mutated, mutated_text
from tests.robustness.scene import ROOT, VOICE, unfinished
from tests.script.test_subtitles import ASS, SRT, TTML, VTT
from tests.stand_ins import StandInGate, StandInSight, StandInVoice

SCRIPTS = {
    ".srt": SRT,
    ".vtt": VTT,
    ".ass": ASS,
    ".ttml": TTML,
    ".txt": "MARA: We should leave.\n# not this\n[00:01.2-00:03.0] TOM (angry): Now, at 3.15 pm!\n\n[door slams]\n",
    ".csv": 'id,start,end,speaker,text,speed,dub\n1,0:01,1.5,MARA,"Hello, you",1.1,yes\n2,,,TOM,"Say ""hi"".",,no\n',
    ".json": '{"schema": 1, "lines": [{"id": "1", "start": 0.5, "end": 1.5, "speaker": "MARA", "text": "Hi."}, {"text": "Bye."}]}',
    ".lst": "a\tvoice.wav\tWhat was said.\tclip.mp4\tHello there.\tb.wav\n",
    ".sbv": "0:00:00.500,0:00:01.500\nHello there.\n",
}
VOICES = '[MARA]\nfile = "voice.wav"\ntext = "Words."\nspeed = 1.1\ngain = -2\nconsent = "signed"\n\n[MARA.angry]\nfile = ["voice.wav", "two.wav"]\n\n[TOM]\nfile = "two.wav"\n'
MEDIA = (
    "plain.mp4", "fragments.mp4", "tail.mp4", "plain.mkv", "plain.mov", "plain.ts", "plain.webm", "plain.avi", "plain.mpg",
    "silent.mp4", "vfr.mp4", "late.mkv", "cut.mp4", "cover.mp4", "rich.mkv", "chapters.mp4", "gap.mkv", "surround.mkv",
)  # fmt: skip
SOUNDS = ("sound.wav", "sound.mp3", "sound.m4a", "sound.opus")
JOBS = (
    '{"clip": "clip.mp4", "text": "Hello.", "id": "a", "steps": 2, "guidance": 1.5, "seed": 3}\n'
    '{"clip": "clip.mp4", "script": "lines.srt", "audio": "add", "bed": "none", "loudness": "streaming", "language": "de"}\n'
    '{"clip": "clip.mp4", "text": "MARA: Hi.", "voices": {"MARA": "voice.wav"}, "output": "x/b.mp4", "min_speed": 0.9}\n'
)
MOST_JOBS = 12  # of a stream
MEMORY = 6 << 20  # kB that the process may take


class Outside(Exception):
    """Something was opened that does not belong to the case."""


class Room:
    """The folder of the cases: inputs made once, one folder anew for each case, and a canary beside it."""

    def __init__(self, folder: Path):
        self.case, self.canary = folder / "case", folder / "canary.txt"
        corpus = Corpus(folder / "corpus")
        corpus.folder.mkdir(exist_ok=True)
        self.media = {name: corpus(name).read_bytes() for name in MEDIA}
        self.sounds = {name: corpus(name).read_bytes() for name in SOUNDS}
        self.sounds["voice.wav"] = VOICE.read_bytes()[:200_000]
        self.canary.write_text("This is the canary.\n")
        self.words = (
            *WORDS,
            "../canary.txt",
            str(self.canary),
            self.canary.as_uri(),
            "http://127.0.0.1:9/x",
        )
        self.allowed = tuple(
            os.path.realpath(p)
            for p in (
                folder,
                ROOT,
                sys.prefix,
                sys.base_prefix,
                "/proc",
                "/sys",
                "/dev",
                "/usr",
                "/etc",
            )
        )
        self.watched = False
        self.outside: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, given: tuple) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "socket.bind"):
            self.outside.append(f"{event} {given[1:]!r}")
        elif event == "subprocess.Popen" and given[0] != ffmpeg.executable():
            self.outside.append(f"{event} {given[0]!r}")
        elif event == "open" and self.watched and isinstance(given[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(given[0]))
            if not path.startswith(self.allowed) or path == str(self.canary):
                self.outside.append(f"{event} {path}")

    def fresh(self) -> Path:
        """An empty folder for a case; the canary looks unread."""
        shutil.rmtree(self.case, ignore_errors=True)
        self.case.mkdir()
        os.utime(self.canary, (1, 1))
        return self.case

    def check(self) -> None:
        """Outside when something was read or asked for that does not belong to the case."""
        found, self.outside = self.outside, []
        if self.canary.stat().st_atime != 1:
            found.append("the canary was read")
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > MEMORY:
            found.append("more than 6 GiB of memory")
        if found:
            raise Outside("; ".join(found))


def stand_in(folder: Path) -> DeepAudio:
    """A model that speaks tones, so that everything around it is what takes the time."""
    made = DeepAudio(folder / "preset", "cpu")
    made.__dict__ |= {"tts": StandInVoice(), "v2a": StandInSight(), "gate": StandInGate()}
    return made


def case_script(room: Room, folder: Path, rng: random.Random) -> str:
    suffix = rng.choice(list(SCRIPTS))
    path = folder / f"script{suffix if rng.random() < 0.9 else rng.choice(list(SCRIPTS))}"
    path.write_bytes(mutated_text(SCRIPTS[suffix], rng, list(SCRIPTS.values()), room.words))
    found = script.read(
        path,
        duration=rng.choice((None, 2.0, 1e5)),
        clamp=rng.random() < 0.5,
        speak_sdh=(sdh := rng.random() < 0.2),
        speakers=rng.choice(((), ("MARA", "TOM"))),
    )
    again = script.read(to_json(found.lines), format="json", speak_sdh=sdh)
    assert [line.text for line in again.lines] == [line.text for line in found.lines], "round trip"
    timed = [line for line in found.lines if line.start is not None and line.end is not None]
    for kind in (".srt", ".vtt"):
        to_subtitles(timed, kind)
    return found.format


def case_voices(room: Room, folder: Path, rng: random.Random) -> str:
    for name in ("voice.wav", "two.wav"):
        (folder / name).write_bytes(room.sounds["voice.wav"])
    path = folder / "voices.toml"
    path.write_bytes(mutated_text(VOICES, rng, [VOICES], WORDS))
    read_voices(Cast(file=path), Policy(), Notices())
    return "read"


def case_reference(room: Room, folder: Path, rng: random.Random) -> str:
    name = rng.choice(list(room.sounds))
    path = folder / name
    path.write_bytes(mutated(room.sounds[name], rng, list(room.sounds.values())))
    read_voices(Cast(path, rng.choice((None, "Some words that were said."))), Policy(), Notices())
    return "read"


def _media(room: Room, folder: Path, rng: random.Random) -> Path:
    name = rng.choice(MEDIA)
    path = folder / f"clip{Path(name).suffix}"
    path.write_bytes(mutated(room.media[name], rng, list(room.media.values())))
    return path


def case_probe(room: Room, folder: Path, rng: random.Random) -> str:
    probe(_media(room, folder, rng), allow_damaged=rng.random() < 0.5)
    return "read"


def case_dub(room: Room, folder: Path, rng: random.Random) -> str:
    path = _media(room, folder, rng)
    before = path.read_bytes()
    suffix = rng.choice((path.suffix, path.suffix, ".mkv", ".mp4"))
    job = DubJob(
        clip=path,
        text=rng.choice(("Hello.", "MARA: We should leave.\nTOM: Now?", SRT)),
        cast=Cast(VOICE),
        output=folder / f"out{suffix}",
        mix=MixOptions(audio=rng.choice(("auto", "replace", "mix", "add"))),
        fit=FitOptions(clamp=True),
        extras=Extras(
            allow_damaged=rng.random() < 0.5, remux_fix=rng.random() < 0.3, cache=False,
            subtitle_track=rng.random() < 0.2, stems=folder / "stems" if rng.random() < 0.1 else None,
        ),
    )  # fmt: skip
    try:
        done = dub(stand_in(folder), job)
    except DeepAudioError:
        assert not job.output.exists(), "an output beside an error"
        raise
    finally:
        assert path.read_bytes() == before, "the clip was changed"
        assert not unfinished(folder), unfinished(folder)
    probe(done.output)
    return "dubbed"


def _jobs(room: Room, folder: Path, rng: random.Random) -> bytes:
    (folder / "clip.mp4").write_bytes(room.media["silent.mp4"])
    (folder / "voice.wav").write_bytes(room.sounds["voice.wav"])
    (folder / "lines.srt").write_text("1\n00:00:00,100 --> 00:00:01,000\nHello.\n")
    return mutated_text(JOBS, rng, [JOBS], WORDS)


def case_manifest(room: Room, folder: Path, rng: random.Random) -> str:
    path = folder / "jobs.jsonl"
    path.write_bytes(_jobs(room, folder, rng))
    items = read_batch(path, DubJob(clip=Path(), cast=Cast(VOICE)), folder / "out")
    for item in items:
        assert (item.job is None) != (item.error is None)
        if item.job is not None:
            assert Path(os.path.abspath(item.job.output)).is_relative_to(folder / "out")
    return f"{len(items)} items"


def case_stream(room: Room, folder: Path, rng: random.Random) -> str:
    rows = _jobs(room, folder, rng).splitlines(keepends=True)
    stream = BytesIO(b"".join(rows[:MOST_JOBS]))
    (folder / "preset").mkdir()
    batch = BatchJob(None, folder / "out", preset=str(folder / "preset"))
    batches._LOADED[(batch.preset, "auto", "auto")] = stand_in(folder)
    os.chdir(folder)
    try:
        for row in run_stream(
            stream, batch, DubJob(clip=Path(), cast=Cast(VOICE), extras=Extras(cache=False))
        ):
            json.dumps(row, default=os.fspath, allow_nan=False)
            assert row["ok"] or row["exit_code"] in (2, 3, 5, 6, 8, 9), row
    finally:
        os.chdir(ROOT)
        batches._LOADED.clear()
    assert not unfinished(folder), unfinished(folder)
    return "answered"


CASES: dict[str, tuple[int, Callable[[Room, Path, random.Random], str]]] = {
    "script": (6, case_script),
    "voices": (2, case_voices),
    "reference": (2, case_reference),
    "probe": (3, case_probe),
    "dub": (4, case_dub),
    "manifest": (2, case_manifest),
    "stream": (1, case_stream),
}
OWN_PATHS = ("voices", "manifest", "stream")  # their inputs name further files


def one(room: Room, seed: int, number: int) -> dict[str, object]:
    """Do a case; its kind, what came of it, and what is wrong."""
    rng = random.Random(f"{seed}-{number}")
    kinds = list(CASES)
    kind = rng.choices(kinds, [CASES[k][0] for k in kinds])[0]
    print(json.dumps({"begin": number, "kind": kind}), flush=True)
    folder, finding = room.fresh(), None
    room.watched = kind not in OWN_PATHS
    try:
        outcome = CASES[kind][1](room, folder, rng)
    except DeepAudioError as error:
        outcome = error.code
        if error.code == "internal" or ("\n" in error.message.strip() and kind == "script"):
            finding = f"{error.code}: {error.message}"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        outcome = f"{type(error).__name__}: {error}"[:300]
        if of_system(error) is None:  # else the command line says it in one line
            finding = outcome + "\n" + "".join(traceback.format_exception(error)[-8:])
    room.watched = False
    try:
        room.check()
    except Outside as error:
        finding = f"{finding or ''} {error}"
    return {"end": number, "kind": kind, "outcome": outcome, "finding": finding}


if __name__ == "__main__":
    import logging
    import warnings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    place, seed, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    os.environ["DEEPAUDIO_CACHE_DIR"] = str(place / "cache")
    here, last = Room(place), int(sys.argv[4]) if len(sys.argv) > 4 else sys.maxsize
    while number <= last:
        print(json.dumps(one(here, seed, number)), flush=True)
        number += 1
