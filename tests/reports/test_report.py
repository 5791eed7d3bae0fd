"""Reports: what users wrote is escaped, nothing is fetched, sounds and images are inside, the page's own script alone may run."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import av
import pytest
import torch

from deepaudio.reports.batch import batch_report
from deepaudio.reports.dub import dub_report
from deepaudio.reports.page import Sounds, beside
from deepaudio.waves import LazyWave

EVIL = '<img src=x onerror="alert(1)">{{ 7 * 7 }}'
RATE = 24_000
VOID = ("meta", "img", "br")


class Page(HTMLParser):
    """Every element with its attributes, and whether all are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.text = [], [], text
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def all(self, tag, **attributes):
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        return [a for t, a in self.found if t == tag and wanted.items() <= a.items()]


def tone(seconds, hertz=220):
    return 0.5 * torch.sin(torch.arange(round(seconds * RATE)) / RATE * 2 * torch.pi * hertz)


def line(number, start, end, **more):
    fields = {"id": str(number), "text": "Words.", "speaker": "MARA", "start": start, "end": end}
    fields |= {"speed": 1.1, "slot_start": start - 0.1, "slot_end": end + 0.2, "lufs": -23.1}
    return fields | {"overflow": 0.0, "mood": None, "take": 1} | more


@pytest.fixture
def page(tmp_path):
    lines = [
        line(1, 0.5, 1.0, text=EVIL, speaker=EVIL),
        line(2, 1.2, 1.9, overflow=0.31),
        line(3, 2.0, 2.5, speaker="Mara", mood="angry"),
    ]
    facts = {
        "rule": "the video", "lines": lines, "warnings": [EVIL, "second"], "duration": 3.0,
        "loudness": {"lufs": -23.0, "peak_dbtp": -1.2}, "clip": {"file": f"/home/x/{EVIL}.mp4", "sha256": "ab" * 32},
        "weights": {"tts": "cd" * 32}, "provenance": {"tag": "Synthetic speech"},
    }  # fmt: skip
    (tmp_path / "a b.mp4").touch()
    dub_report(
        tmp_path / "r.html",
        facts,
        tone(3),
        RATE,
        torch.rand(282),
        tmp_path / "a b.mp4",
        parts=[tone(x["end"] - x["start"]) for x in lines],
        mix=LazyWave.of(tone(3), RATE),
        references={"MARA": (tone(2), RATE), "MARA.angry": (tone(1), RATE), EVIL: (tone(1), RATE)},
    )
    return Page((tmp_path / "r.html").read_text())


def test_a_dub_report_is_escaped_and_self_contained(page):
    text = re.sub(r"base64,[^\"]*|points=\"[^\"]*\"", "", page.text)
    assert "<img src=x" not in text and "&lt;img src=x" in text and "49" not in text
    for tag, attributes in page.found:
        for key in ("src", "href"):
            value = attributes.get(key, "#")
            assert re.match(r"data:(?:image/png|audio/mpeg);base64,|#|\./a%20b\.mp4$", value), value
        assert not any(key.startswith("on") for key in attributes), tag
    assert page.all("video", src="./a%20b.mp4")


def test_only_the_script_of_the_page_may_run(page):
    (policy,) = [a for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy["content"] and "unsafe-eval" not in policy["content"]
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy["content"]


def test_warnings_are_at_the_top(page):
    assert page.text.index("2 to look at") < page.text.index("<video") < page.text.index("Timeline")


def test_every_line_can_be_heard_alone_in_the_mix_and_beside_its_reference(page):
    for kind in ("line", "mix"):
        players = page.all("audio", class_=kind)
        assert len(players) == 3 and all(p["src"].startswith("data:audio") for p in players)
    voices = [player["data-voice"] for player in page.all("audio", class_="reference")]
    ids = [player["id"] for player in page.all("audio") if "id" in player]
    assert ids == ["voice-1", "voice-2", "voice-3"] and voices == ["voice-3", "voice-1", "voice-2"]
    content = base64.b64decode(page.all("audio", class_="mix")[1]["src"].partition(",")[2])
    with av.open(io.BytesIO(content)) as container:
        seconds = float(container.duration) / 1e6
    assert seconds == pytest.approx(0.7 + 2 * 0.4, abs=0.1)


def test_the_timeline_has_slots_spoken_times_and_the_energy_of_the_mouth(page):
    assert len(page.all("rect", class_="slot")) == 3 and len(page.all("rect", class_="over")) == 1
    assert page.all("polygon", class_="mouth") and page.all("polyline", class_="voice")
    slot, spoken = page.all("rect", class_="slot")[0], page.all("rect", class_="spoken")[0]
    assert float(slot["x"]) == pytest.approx(0.4 * 300) and float(spoken["x"]) == pytest.approx(150)
    assert float(spoken["width"]) == pytest.approx(150)
    targets = {a["id"] for a in page.all("li") if "id" in a}
    assert {a["href"][1:] for a in page.all("a")} == targets == {"line-1", "line-2", "line-3"}
    assert "0.31 s too long" in page.text


def test_hashes_and_paths_are_folded_away(page):
    for secret in ("ab" * 32, "cd" * 32, "/home/x/"):
        before = page.text[: page.text.index(secret)]
        assert before.count("<details") > before.count("</details"), secret


def test_phones_dark_mode_and_keyboards(page):
    assert [a for a in page.all("meta") if a.get("name") == "viewport"]
    assert "prefers-color-scheme: dark" in page.text
    assert len(page.all("li", tabindex="0")) == 3
    keys = re.findall(r'event\.key === "(.)"', page.text) + re.findall(r"(\w): \"", page.text)
    shown = set(re.findall(r"<kbd>(.)</kbd>", page.text))
    assert shown == {"j", "k", "l", "m", "r", "v"} <= set(keys)


def test_a_report_of_nothing(tmp_path):
    path = dub_report(
        tmp_path / "r.html", {"lines": []}, torch.zeros(24000), 24000, None, tmp_path / "../y.mp4"
    )
    page = Page(path.read_text())
    assert not page.all("video") and not page.all("audio") and not page.all("ol")


def test_sounds_beyond_the_budget_are_left_out_and_that_is_said(tmp_path, monkeypatch):
    from deepaudio.reports import dub as module

    monkeypatch.setattr(module, "Sounds", lambda: Sounds(budget=6000))
    lines = [line(n, n - 0.5, n + 0.3) for n in range(1, 9)]
    path = dub_report(
        tmp_path / "r.html", {"lines": lines}, tone(10), RATE, None, parts=[tone(0.8)] * 8
    )
    page = Page(path.read_text())
    left = 8 - len(page.all("audio", class_="line"))
    assert 0 < left < 8 and f"{left} sounds had no room" in page.text


def test_a_sound_in_a_page_is_the_sound():
    uri = Sounds().uri(torch.stack([tone(1, 440)] * 2), RATE)
    with av.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as container:
        frames = [torch.from_numpy(f.to_ndarray()) for f in container.decode(audio=0)]
    wave = torch.cat([f.float().mean(0) for f in frames])
    peak = torch.fft.rfft(wave).abs().argmax() * RATE / len(wave)
    assert float(peak) == pytest.approx(440, abs=3) and 0.9 < len(wave) / RATE < 1.2


def test_links_lead_to_neighbours_and_below_only(tmp_path):
    assert beside(tmp_path / "a/b c.mp4", tmp_path / "r.html") == "./a/b%20c.mp4"
    assert beside(tmp_path / "b.mp4", tmp_path / "a/r.html") is None


def test_the_index_of_a_batch_has_failures_first(tmp_path):
    for name in ("a.mp4", "a.mp4.html"):
        (tmp_path / name).touch()
    record = {"duration": 3.5, "lines": [1, 2], "loudness": {"lufs": -23.0}, "warnings": [EVIL]}
    rows = [
        {"line": 1, "name": "a.mp4", "state": "done", "output": tmp_path / "a.mp4"}
        | {"report": tmp_path / "a.mp4.html", "record": record},
        {"line": 2, "name": EVIL, "state": "failed", "error": "no such file"},
        {"line": 3, "name": "c.mp4", "state": "kept", "output": tmp_path / "c.mp4", "record": {}},
    ]
    text = batch_report(tmp_path / "index.html", rows).read_text()
    page = Page(text)
    assert "1 done, 1 kept, 1 failed; 1 with warnings." in text and "<img src=x" not in text
    assert [a["href"] for a in page.all("a")] == ["./a.mp4.html", "./c.mp4"]
    assert text.index("no such file") < text.index("a.mp4.html")


def test_tiles_of_a_column_share_their_seconds():
    from matplotlib.image import imread

    from deepaudio.reports.plots import tile

    noise = torch.randn(16000, generator=torch.Generator().manual_seed(0))
    half, whole = (
        imread(io.BytesIO(base64.b64decode(tile(noise, 16000, seconds).partition(",")[2])))
        for seconds in (2.0, 1.0)
    )
    assert half.shape == whole.shape
    middle, spread = half.shape[1] // 2, lambda x: float(x[..., :3].std())
    assert spread(half[:, : middle - 2]) > 0.1 > 1e-3 > spread(half[:, middle + 2 :])
    assert spread(whole[:, middle + 2 :]) > 0.1
