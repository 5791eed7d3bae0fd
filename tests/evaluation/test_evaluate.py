"""`deepaudio eval`: failures counted, ideal scores of the truth, resume, tables, report, bad manifests."""

import json
import math
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from deepaudio.data.manifest import Item, read_manifest, write_manifest
from deepaudio.errors import InputError, UsageError, WeightsError
from deepaudio.evaluation import features as judging
from deepaudio.evaluation.columns import columns
from deepaudio.evaluation.evaluate import EvalOptions, evaluate, write_tables
from deepaudio.evaluation.features import JudgePool, Unavailable
from deepaudio.evaluation.inputs import Rows, read_items, systems_of
from deepaudio.evaluation.systems import Folder, Shuffled, Truth, folder_system
from deepaudio.media.audio import write_wav
from deepaudio.options import SampleOptions
from deepaudio.reports import tables

RATE = 16000


class Ear:
    """A transcriber for tests: it "hears" the words hidden in the file's length."""

    name = "whisper-base"

    def __init__(self, texts: dict[int, str]):
        self.texts, self.heard = texts, 0

    def __call__(self, waveform, sample_rate):
        self.heard += 1
        return self.texts.get(len(waveform), "something else entirely")


class Timbre:
    """A speaker embedding for tests: the energy of ten bands."""

    name = "resemblyzer"

    def __call__(self, waveform, sample_rate):
        spectrum = torch.fft.rfft(waveform).abs() ** 2
        return torch.stack([part.mean() for part in spectrum[: len(spectrum) // 4].chunk(40)])


def sound(seconds: float, pitch: float) -> torch.Tensor:
    t = torch.arange(round(seconds * RATE)) / RATE
    shape = (torch.sin(2 * math.pi * (1 + pitch / 200) * t) + 1.1) / 2.1
    return 0.3 * shape * sum(torch.sin(2 * math.pi * pitch * k * t) / k for k in range(1, 6))


@pytest.fixture
def place(tmp_path):
    """Five real utterances with a manifest, and a folder `made` with the same sounds."""
    (tmp_path / "made").mkdir()
    items, texts = [], {}
    for i in range(5):
        wave = sound(0.8 + 0.05 * i, 100.0 + 60 * i)
        for folder in (tmp_path, tmp_path / "made"):
            write_wav(folder / f"u{i}.wav", wave, RATE)
        text = ("red", "green", "blue", "white", "black")[i] + " boat now"
        texts[len(wave)] = text
        items.append(
            Item(id=f"u{i}", text=text, audio=f"u{i}.wav", reference=f"u{(i + 1) % 5}.wav")
        )
    write_manifest(tmp_path / "m.jsonl", items)
    pool = JudgePool(_open={"whisper-base": Ear(texts), "resemblyzer": Timbre()})
    return tmp_path, read_manifest(tmp_path / "m.jsonl"), pool


METRICS = (
    "wer", "wer_pooled", "speaker_similarity", "prompt_similarity", "mcd", "mcd_sl",
    "energy_correlation", "energy_lag", "length_error", "start_error", "end_error",
)  # fmt: skip
OPTIONS = EvalOptions(task="v2s", metrics=METRICS)
FEW = replace(OPTIONS, metrics=("wer", "energy_correlation"))
KEYS = {m: c.key for m in METRICS for c in columns("v2s", (m,))}


@pytest.mark.slow
def test_truth_is_ideal_and_unrelated_is_worse_and_silence_is_worst(place):
    root, items, pool = place
    (root / "silent").mkdir()
    for item in items:
        write_wav(root / "silent" / f"{item.id}.wav", torch.zeros(RATE), RATE)
    systems = [Truth(), Shuffled(items), Folder("silent", root / "silent")]
    summary = evaluate(items, systems, OPTIONS, root / "out", pool=pool)

    def value(system, metric):
        return summary["systems"][system]["columns"][KEYS[metric]]["value"]

    ideal = {"wer": 0, "wer_pooled": 0, "speaker_similarity": 1, "mcd": 0, "mcd_sl": 0}
    ideal |= {"energy_correlation": 1, "energy_lag": 0, "length_error": 0}
    ideal |= {"start_error": 0, "end_error": 0}
    for metric, best in ideal.items():
        assert value("ground truth", metric) == pytest.approx(best, abs=1e-6), metric
        worst, chance = value("silent", metric), value("unrelated", metric)
        better = 1 if metric in ("speaker_similarity", "energy_correlation") else -1
        assert worst is not None, f"{metric} of silence is a number"
        if metric not in ("length_error", "start_error", "end_error"):
            assert better * (value("ground truth", metric) - chance) > 0.01, metric
        if metric != "length_error":
            assert better * (chance - worst) >= -1e-9, metric
    assert value("silent", "wer") == 1.0 and value("silent", "speaker_similarity") == 0.0
    assert all(not system["failed"] for system in summary["systems"].values())
    low, high = summary["systems"]["unrelated"]["columns"]["mcd"]["interval"]
    assert low <= value("unrelated", "mcd") <= high


def test_a_failed_item_is_counted_and_named_and_leaves_no_mean(place):
    root, items, pool = place
    (root / "made/u1.wav").unlink()
    broken = torch.zeros(100)
    write_wav(root / "made/u2.wav", broken, RATE)
    (root / "made/u2.wav").write_bytes((root / "made/u2.wav").read_bytes()[:20])
    (root / "made/failures.json").write_text(json.dumps({"u1": "the reference was silent"}))
    summary = evaluate(
        items, [folder_system(f"ours={root / 'made'}")], OPTIONS, root / "out", pool=pool
    )
    ours = summary["systems"]["ours"]
    assert [entry["id"] for entry in ours["failed"]] == ["u1", "u2"]
    assert ours["failed"][0]["reason"] == "the reference was silent"
    cell = ours["columns"][KEYS["mcd"]]
    assert cell["value"] is None and cell["scored"] == 3 and cell["of"] == 5
    assert cell["partial"] == pytest.approx(0, abs=1e-6) and "and 1 more" in cell["reason"]
    text = tables.markdown(summary)
    assert "n/a (3 of 5: 0.000)" in text and "2 of 5" in text
    assert "u1 failed: the reference was silent" in text


def test_nan_audio_and_missing_truth_are_reasons_not_numbers(place):
    root, _, pool = place
    import soundfile

    soundfile.write(
        root / "made/u0.wav", torch.full((RATE,), float("nan")).numpy(), RATE, subtype="FLOAT"
    )
    bare = [Item(id="u0", text="red boat now"), Item(id="u3", text="white boat now")]
    summary = evaluate(bare, [Folder("ours", root / "made")], OPTIONS, root / "out", pool=pool)
    ours = summary["systems"]["ours"]
    assert "NaN" in ours["failed"][0]["reason"] and len(ours["failed"]) == 1
    assert "u0" in ours["columns"]["mcd"]["reason"] and ours["columns"]["mcd"]["value"] is None
    rows = [json.loads(line) for line in (root / "out/items.jsonl").read_text().splitlines()]
    assert (
        "target" in rows[1]["na"]["mcd"] and "reference" in rows[1]["na"][KEYS["prompt_similarity"]]
    )
    assert rows[1]["values"][KEYS["wer"]] == 0.0


def test_a_missing_judge_is_na_with_the_reason_and_the_rest_is_scored(place):
    root, items, _ = place
    pool = JudgePool({"whisper-large-v3": root})
    options = EvalOptions(
        task="v2s", metrics=("wer", "mcd", "emotion_similarity"), judge_set="paper"
    )
    summary = evaluate(items, [Truth()], options, root / "out", pool=pool)
    cells = summary["systems"]["ground truth"]["columns"]
    assert cells["mcd"]["value"] == pytest.approx(0, abs=1e-6)
    assert "whisper-large-v3" in cells["wer[whisper-large-v3]"]["reason"]
    assert cells["emotion_similarity[audeering-emotion]"]["value"] is None
    assert "audeering-emotion" in cells["emotion_similarity[audeering-emotion]"]["reason"]


class Fragile:
    """A speaker judge that a network's own error stops on short sounds."""

    name = "resemblyzer"

    def __call__(self, waveform, sample_rate):
        if len(waveform) < 0.5 * sample_rate:
            raise RuntimeError("kernel size can't be greater than input size")
        return Timbre()(waveform, sample_rate)


def test_a_judge_that_breaks_on_one_item_names_it_and_the_rest_is_scored(place):
    root, items, pool = place
    write_wav(root / "made/u2.wav", sound(0.05, 200.0), RATE)
    pool._open["resemblyzer"] = Fragile()
    options = replace(OPTIONS, metrics=("speaker_similarity", "energy_correlation", "mcd"))
    summary = evaluate(items, [Folder("ours", root / "made")], options, root / "out", pool=pool)
    ours = summary["systems"]["ours"]
    cell = ours["columns"]["speaker_similarity[resemblyzer]"]
    assert cell["value"] is None and cell["scored"] == 4
    assert "u2: judge 'resemblyzer' failed: kernel size" in cell["reason"]
    assert ours["columns"]["mcd"]["value"] is not None and not ours["failed"]


def test_other_rates_and_channels_are_the_same_sound(place):
    root, items, pool = place
    import soundfile
    from torchaudio.functional import resample

    for item in items:
        samples, _ = soundfile.read(root / "made" / f"{item.id}.wav", dtype="float32")
        wide = resample(torch.from_numpy(samples), RATE, 44100)
        stereo = torch.stack([wide, wide], dim=1).numpy()
        soundfile.write(root / "made" / f"{item.id}.wav", stereo, 44100)
    options = replace(OPTIONS, metrics=("mcd", "energy_correlation", "length_error"))
    summary = evaluate(items, [Folder("ours", root / "made")], options, root / "out", pool=pool)
    cells = summary["systems"]["ours"]["columns"]
    assert cells["mcd"]["value"] < 1.0 and cells["energy_correlation"]["value"] > 0.999
    assert cells["length_error"]["value"] < 1e-3


class Sound(NamedTuple):
    soundframes: torch.Tensor
    sound: torch.Tensor
    classes: torch.Tensor


class Bands:
    """A sound judge for tests: band levels of ten stretches, their mean as embedding and as classes."""

    name = "yamnet"

    def __init__(self):
        self.heard = 0

    def __call__(self, waveform, sample_rate):
        self.heard += 1
        parts = torch.stack([Timbre()(part, sample_rate)[:6] for part in waveform.chunk(10)])
        logs = (parts + 1e-6).log()
        return Sound(logs, logs.mean(0), logs.mean(0))


SOUND = ("fad", "fd", "kl", "inception", "tag_recall", "onset_error", "energy_correlation")


def test_sound_measures_are_ideal_for_the_truth_and_worst_for_silence(place):
    root, items, _ = place
    (root / "silent").mkdir()
    for item in items:
        write_wav(root / "silent" / f"{item.id}.wav", torch.zeros(RATE), RATE)
    judge = Bands()
    pool = JudgePool(_open={"yamnet": judge})
    options = EvalOptions(task="v2a", metrics=SOUND)
    systems = [Truth(), Shuffled(items), Folder("silent", root / "silent")]
    summary = evaluate(items, systems, options, root / "out", pool=pool)
    best = {"fad": 0, "fd": 0, "kl": 0, "tag_recall": 1, "onset_error": 0, "energy_correlation": 1}
    for column in summary["columns"]:
        truth, chance, silent = (
            system["columns"][column["key"]]["value"] for system in summary["systems"].values()
        )
        sign = 1 if column["better"] == "higher" else -1
        assert silent is not None and sign * (truth - silent) > 1e-3, column["key"]
        # A divergence has no worst value: flat classes may be nearer than wrong ones.
        assert column["metric"] == "kl" or sign * (chance - silent) >= -1e-9, column["key"]
        if column["metric"] in best:
            assert truth == pytest.approx(best[column["metric"]], abs=1e-5), column["key"]
    # The features of set metrics lie in small files and not in the lines; they are found again, or made again.
    assert len((root / "out/items.jsonl").read_text()) < 15 * 2000
    count = judge.heard
    assert evaluate(items, systems, options, root / "out", pool=pool) == summary
    assert judge.heard == count
    next((root / "out/features").rglob("u0.safetensors")).write_bytes(b"cut")
    assert evaluate(items, systems, options, root / "out", pool=pool) == summary
    assert judge.heard > count


def test_one_clip_has_means_but_no_distances_between_sets(place):
    root, items, _ = place
    options = EvalOptions(task="v2a", metrics=("fd", "kl", "energy_correlation"))
    summary = evaluate(
        items[:1], [Truth()], options, root / "out", pool=JudgePool(_open={"yamnet": Bands()})
    )
    cells = summary["systems"]["ground truth"]["columns"]
    assert cells["kl[yamnet]"]["value"] == 0 and cells["kl[yamnet]"]["interval"] == [0, 0]
    assert cells["fd[yamnet]"]["value"] is None and "two rows" in cells["fd[yamnet]"]["reason"]


def test_judges_never_share_a_column_and_are_named():
    found = columns("tts", ("wer", "prompt_similarity"), ("whisper-tiny.en",), "both")
    assert [c.key for c in found] == [
        "wer[whisper-base]", "wer[whisper-large-v3]", "wer[whisper-tiny.en]",
        "prompt_similarity[resemblyzer]", "prompt_similarity[wavlm-large-ecapa]",
    ]  # fmt: skip
    assert all(c.judge in c.heading for c in found)
    with pytest.raises(InputError, match="does not apply to mof"):
        columns("mof", ("wer",))
    with pytest.raises(InputError, match="no judge 'wav'"):
        columns("tts", judges=("wav",))


def test_resume_keeps_what_is_done_and_notices_a_new_output(place):
    root, items, pool = place
    ear = pool._open["whisper-base"]
    systems = [Folder("ours", root / "made")]
    first = evaluate(items, systems, FEW, root / "out", pool=pool)
    count = ear.heard
    lines = (root / "out/items.jsonl").read_text().splitlines()
    (root / "out/items.jsonl").rename(root / "out/items.jsonl.part")
    (root / "out/items.jsonl.part").write_text("\n".join(lines[:3]) + '\n{"id": "u3", "sy')
    second = evaluate(items, systems, FEW, root / "out", pool=pool)
    assert ear.heard == count + 2 and second == first == json.loads(
        (root / "out/summary.json").read_text()
    )
    write_wav(root / "made/u4.wav", sound(1.3, 300.0), RATE)
    third = evaluate(items, systems, FEW, root / "out", pool=pool)
    assert ear.heard == count + 3 and third != first


@pytest.mark.parametrize(
    "line",
    [
        b'{"sch\xff',
        b"[" * 100_000,
        b"[1]",
        b'{"schema": 2, "id": "u0"}',
        b'{"schema": 2, "id": []}',
    ],
)
def test_a_damaged_row_is_scored_again(place, line):
    root, items, pool = place
    systems = [Folder("ours", root / "made")]
    first = evaluate(items, systems, FEW, root / "out", pool=pool)
    count = pool._open["whisper-base"].heard
    rows = (root / "out/items.jsonl").read_bytes().splitlines()
    (root / "out/items.jsonl").write_bytes(b"\n".join([line, *rows[1:]]))
    assert evaluate(items, systems, FEW, root / "out", pool=pool) == first
    assert pool._open["whisper-base"].heard == count + 1


def test_resume_asks_again_for_what_was_not_available(place):
    root, items, pool = place
    ear = pool._open["whisper-base"]
    bare = JudgePool(
        _open={"whisper-base": ear, "resemblyzer": WeightsError("judge.missing", "not here")}
    )
    options = replace(OPTIONS, metrics=("wer", "speaker_similarity"))
    first = evaluate(items, [Truth()], options, root / "out", pool=bare)
    assert (
        first["systems"]["ground truth"]["columns"]["speaker_similarity[resemblyzer]"]["reason"]
        == "not here"
    )
    count = ear.heard
    second = evaluate(items, [Truth()], options, root / "out", pool=pool)
    cells = second["systems"]["ground truth"]["columns"]
    assert (
        cells["speaker_similarity[resemblyzer]"]["value"] == pytest.approx(1) and ear.heard == count
    )


def test_two_jobs_give_what_one_gives(place):
    root, items, pool = place
    one = evaluate(items, [Truth()], FEW, root / "a", pool=pool)
    assert evaluate(items, [Truth()], replace(FEW, jobs=3), root / "b", pool=pool) == one


def test_tables_escape_what_users_wrote(place):
    root, items, pool = place
    (root / "a_b & <c>|$").mkdir()
    options = EvalOptions(task="v2s", metrics=("mcd",))
    summary = evaluate(
        items, [Folder("a_b & <b>|$", root / "made")], options, root / "out", pool=pool
    )
    written = write_tables(summary, root / "out", items, root / "r.html")
    tex = (root / "out/table.tex").read_text()
    assert r"a\_b \& <b>|\$" in tex and r"MCD $\downarrow$" in tex
    assert "a_b & <b>\\|$" in (root / "out/table.md").read_text()
    html = (root / "r.html").read_text()
    assert "<b>" not in html and "&lt;b&gt;" in html and "Content-Security-Policy" in html
    assert "http://" not in html and "https://" not in html and html.count("<script") == 1
    assert html.count("data:image/png") == html.count("<audio controls") == 8
    assert "<b>" in written.lines[0]


def test_bad_manifests_are_one_clear_error(tmp_path):
    path = tmp_path / "m.jsonl"
    cases = {
        "": "holds no items",
        "{": "not JSON",
        '{"text": "a"}': "no 'id'",
        '{"id": "a", "txt": "b"}': "unknown key 'txt'",
        '{"id": "../a"}': "bad id",
        '{"id": "a", "text": 5}': "'text' is not text",
        '{"id": "a", "extra": null}': "'extra' is not an object",
        '{"id": "a", "audio": "\\ud800.wav"}': "half of a character, U+D800",
        '{"id": "a\\u0000"}': "'id' holds NUL",
        '{"id": "a"}\n{"id": "a"}': "repeats line 1",
    }
    for content, message in cases.items():
        path.write_text(content)
        with pytest.raises(InputError, match=re.escape(message)):
            read_manifest(path)
    deep = '{"id": "a", "extra": {"x": ' + 100_000 * "[" + 100_000 * "]" + "}}"
    for content, message in (
        (b'{"id": "a"}\n\n{"id": "caf\xe9"}', ":3: not UTF-8 at byte 11"),
        (b'{"id": "a"}\n' + deep.encode(), ":2: not JSON (maximum recursion"),
        (b'{"id": ' + 5000 * b"1" + b"}", ":1: not JSON (Exceeds the limit"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=re.escape(message)):
            read_manifest(path)
    path.write_text('{"id": 7, "speaker": 1688}')
    (item,) = read_manifest(path)
    assert (item.id, item.speaker) == ("7", "1688")
    with pytest.raises(InputError, match="no such manifest"):
        read_items(tmp_path / "none.jsonl", {})
    with pytest.raises(UsageError, match="nothing to score"):
        Rows()
    with pytest.raises(InputError, match="no such folder"):
        folder_system("x=/nowhere")


def test_a_gate_is_scored_from_a_file_of_directions(tmp_path):
    items = [Item(id=str(i), instruction="x", label="v2s" if i % 2 else "tts") for i in range(4)]
    rows = [{"id": str(i), "direction": "v2s"} for i in range(3)]
    (tmp_path / "directions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    summary = evaluate(
        items, [Folder("g", tmp_path), Truth()], EvalOptions(task="mof"), tmp_path / "o"
    )
    assert summary["systems"]["ground truth"]["columns"]["gate_accuracy"]["value"] == 1
    cell = summary["systems"]["g"]["columns"]["gate_accuracy"]
    assert cell["partial"] == pytest.approx(1 / 3) and cell["value"] is None
    (failed,) = summary["systems"]["g"]["failed"]
    assert failed["id"] == "3" and failed["reason"] == "no prediction: no row in directions.jsonl"


@pytest.mark.parametrize("content", [b"broken", b'{"id": "b"}', b"[]", b'{"id": "\xe9"}'])
def test_damaged_directions_are_named_with_file_and_line(tmp_path, content):
    (tmp_path / "directions.jsonl").write_bytes(b'{"id": "a", "direction": "tts"}\n' + content)
    with pytest.raises(InputError, match=r"directions\.jsonl:2: not ") as raised:
        Folder("g", tmp_path).direction(Item("a"))
    assert raised.value.where["line"] == 2


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": "\xe9"}'])
def test_damaged_failures_are_named(tmp_path, content):
    (tmp_path / "failures.json").write_bytes(content)
    with pytest.raises(InputError, match=r"failures\.json: not a JSON object"):
        Folder("g", tmp_path).reason(Item("a"))


def test_a_label_that_is_no_direction_is_refused(tmp_path):
    items = [Item("a", instruction="x", label="tts"), Item("b", instruction="x", label="dub")]
    for act in (
        lambda: evaluate(items, [Truth()], EvalOptions(task="mof"), tmp_path / "o"),
        lambda: systems_of(Rows(truth=True), items, "mof", tmp_path, SampleOptions()),
    ):
        with pytest.raises(InputError, match="b: the label 'dub' is no direction") as caught:
            act()
        assert all(name in caught.value.hint for name in ("v2a", "v2s", "tts"))


def test_features_know_who_is_missing():
    features = judging.ItemFeatures(Item(id="a", text="b"), JudgePool())
    for feature, reason in (
        ("target_energy", "target"),
        ("output_energy", "prediction"),
        ("label", "label"),
    ):
        with pytest.raises(Unavailable, match=reason):
            features.get(feature)


@pytest.mark.slow
def test_the_command_ends_in_tables_and_the_right_exit_code(place):
    root, _, _ = place
    base = [
        sys.executable,
        "-m",
        "deepaudio_cli",
        "eval",
        "v2s",
        "--manifest",
        str(root / "m.jsonl"),
    ]
    base += ["--metric", "mcd", "--metric", "energy_correlation", "--json", "-o", str(root / "out")]
    (root / "made/u3.wav").unlink()
    done = subprocess.run(
        [*base, "--predictions", f"ours={root / 'made'}", "--truth", "--report", str(root / "r.html")],
        capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
    only = json.loads(done.stdout)
    assert (only["ok"], only["error"]["code"]) == (False, "eval.failed")
    assert only["error"]["summary"]["systems"]["ground truth"]["columns"]["mcd"]["value"] < 1e-6
    assert (root / "r.html").is_file() and (root / "out/table.tex").is_file()
    assert "u3" in (root / "out/table.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--manifest", "none.jsonl", "--truth"], 3, "no such manifest"),
        (["--manifest", "empty.jsonl", "--truth"], 3, "holds no items"),
        (["--manifest", "m.jsonl"], 2, "nothing to score"),
        (["--manifest", "m.jsonl", "--predictions", "gone"], 3, "no such folder"),
        (["--manifest", "m.jsonl", "--truth", "--metric", "wre"], 3, "no metric 'wre'"),
        (["--manifest", "m.jsonl", "--truth", "--judge", "wisper"], 3, "no judge 'wisper'"),
        (["--manifest", "m.jsonl", "--truth", "--map", "x"], 2, "NAME=VALUE"),
        (["--manifest", "m.jsonl", "--truth", "--voices", "m.jsonl"], 2, "dub3"),
        (
            ["--manifest", "m.jsonl", "--truth", "--setting", "dub1", "--voices", "m.jsonl"],
            2,
            "dub3",
        ),
        (["--manifest", "m.jsonl", "--truth", "--variant", "no-energy"], 2, "--preset"),
        (["--manifest", "m.jsonl", "--truth", "--steps", "3"], 2, "--preset"),
        (
            ["--manifest", "m.jsonl", "--truth", "--judge-folder", "wisper=x"],
            3,
            "no judge 'wisper'",
        ),
        (["--manifest", "m.jsonl", "--preset", "a/m", "--preset", "b/m"], 3, "share a name"),
        (["--manifest", "items.jsonl", "--truth", "-o", "."], 2, "used already"),
        (["--manifest", "m.jsonl", "--truth", "--report", "m.jsonl"], 2, "used already"),
        (["--manifest", "m.jsonl", "--truth", "--report", "eval/table.md"], 2, "used already"),
        (["--manifest", "m.jsonl", "--truth", "-o", "m.jsonl"], 3, "not a folder"),
        (["--manifest", "m.jsonl", "--preset", "mini", "--metric", "wre"], 3, "no metric 'wre'"),
    ],
)
def test_a_wrong_command_line_is_one_clear_line(
    place, monkeypatch, capsys, arguments, code, message
):
    from deepaudio_cli.main import _outcome

    root, _, _ = place
    (root / "empty.jsonl").touch()
    shutil.copy(root / "m.jsonl", root / "items.jsonl")
    before = (root / "items.jsonl").read_bytes()
    monkeypatch.chdir(root)
    assert _outcome(["eval", "v2s", *arguments]) == code
    captured = capsys.readouterr()
    assert message in captured.err and captured.out == ""
    assert not (root / "eval/summary.json").exists()
    assert (root / "items.jsonl").read_bytes() == before == (root / "m.jsonl").read_bytes()
