"""Reports: what users wrote is escaped, nothing is fetched, images are inside the file."""

import base64
import io
import re

import pytest
import torch

from deepaudio.reports.html import dub_report

EVIL = '<img src=x onerror="alert(1)">{{ 7 * 7 }}'


@pytest.fixture
def report(tmp_path):
    line = {"id": "1", "text": EVIL, "speaker": EVIL, "start": 0.5, "end": 1.5, "speed": 1.1}
    line |= {"slot_start": 0.4, "slot_end": 1.8, "lufs": -23.1}
    facts = {
        "rule": "the video", "lines": [line], "warnings": [EVIL],
        "loudness": {"lufs": -23.0, "peak_dbtp": -1.2}, "clip": {"file": f"/home/x/{EVIL}.mp4"},
    }  # fmt: skip
    wave = torch.sin(torch.arange(2 * 24000) / 20.0)
    (tmp_path / "a b.mp4").touch()
    path = tmp_path / "r.html"
    dub_report(path, facts, wave, 24000, torch.rand(188), tmp_path / "a b.mp4")
    return path.read_text()


def test_a_dub_report_is_escaped_and_self_contained(report):
    assert "<img src=x" not in report and "&lt;img src=x" in report
    assert "49" not in re.sub(r"base64,[^\"]*", "", report)
    assert "default-src 'none'" in report and "<script" not in report
    assert not re.search(r"(?:src|href)=\"(?!data:image/png|\./)", report)
    assert report.count("data:image/png;base64,") == 2
    assert 'src="./a%20b.mp4"' in report


def test_a_dub_report_names_lines_loudness_and_rule(report):
    assert "Slots from the video" in report and "-23.1" in report and "peak_dbtp" in report


def test_a_report_without_energy_or_neighbouring_media(tmp_path):
    path = dub_report(
        tmp_path / "r.html", {"lines": []}, torch.zeros(24000), 24000, None, tmp_path / "x/y.mp4"
    )
    assert "<video" not in path.read_text()


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
