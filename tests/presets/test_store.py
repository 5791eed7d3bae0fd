"""Import, storage and verification of official files: bit-equal round trips, refusals that leave nothing behind."""

import json
import threading
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
import torch

from deepaudio import checkpoint, upstream
from deepaudio.errors import ResourceError, WeightsError
from deepaudio.presets import fetch, importing, official, parts, store
from deepaudio.presets.official import OfficialFile, Part

pytestmark = pytest.mark.slow

Disk = namedtuple("Disk", "total used free")
VOCOS = {"dim": 16, "intermediate_dim": 32, "n_layers": 1}


def published(official_files, name):
    folder = official_files / name
    source = next(p for p in folder.iterdir() if p.name != "sizes.json")
    return official.part(name), source, json.loads((folder / "sizes.json").read_text())


def bring(official_files, name):
    part, source, sizes = published(official_files, name)
    return part, importing.import_part(part, source, config=sizes, allow_pickle=True)


def left_over(home):
    """Everything in the models folder but locks."""
    return sorted(p.name for p in home.rglob("*") if not p.name.endswith(".lock"))


def test_every_part_comes_back_bit_equal(official_files, full_home):
    for folder in sorted(official_files.iterdir()):
        part, source, sizes = published(official_files, folder.name)
        if part.kind == "vocabulary":
            assert parts.tokenizer(part).vocabulary[0] == " "
            continue
        direct = upstream.load(part.kind, source, sizes).state_dict()
        _, stored = checkpoint.load(store.folder_of(part))
        loaded = parts.network(part).state_dict()
        assert direct.keys() == stored.keys() == loaded.keys()
        for name, tensor in direct.items():
            assert torch.equal(tensor, stored[name]) and torch.equal(tensor, loaded[name])


def test_the_folder_says_what_it_is(full_home):
    part = official.part("deepaudio-v2s-s16")
    config = json.loads((store.folder_of(part) / "config.json").read_text())
    assert config["kind"] == "deepaudio-v2s" and config["config"]["energy"] is True
    record = store.read_record(store.folder_of(part), part)
    assert record["sources"][0]["name"] == "v2c_s16.pt"
    assert len(record["files"]["model.safetensors"]["sha256"]) == 64
    assert "non-commercial" in record["licence"]


def test_a_pickle_needs_leave_unless_it_is_the_published_file(official_files, home, monkeypatch):
    part, source, sizes = published(official_files, "vocos-24k")
    with pytest.raises(WeightsError) as caught:
        importing.import_part(part, source, config=sizes)
    assert caught.value.code == "weights.pickle" and "--allow-pickle" in caught.value.hint
    known = OfficialFile(source.name, "any/where", md5=store.md5_of(source))
    trusted = Part(part.name, part.kind, (known,), part.licence)
    assert importing.import_part(trusted, source, config=sizes).is_dir()


def test_truncated_renamed_and_foreign_files_leave_nothing(official_files, home, tmp_path):
    part, source, sizes = published(official_files, "vocos-24k")
    cut = tmp_path / source.name
    cut.write_bytes(source.read_bytes()[:-4000])
    other = published(official_files, "synchformer")[1]
    for wrong in (cut, other, tmp_path / "absent.bin"):
        with pytest.raises(WeightsError) as caught:
            importing.import_part(part, wrong, config=sizes, allow_pickle=True)
        assert caught.value.exit_code == 5
    assert not home.exists() or left_over(home) == []
    renamed = tmp_path / "my_vocoder.bin"
    renamed.write_bytes(source.read_bytes())
    with pytest.raises(WeightsError, match="no official file's name") as caught:
        importing.part_for(renamed)
    assert caught.value.exit_code == 5 and "--part" in caught.value.hint


def test_a_failed_import_keeps_what_was_there(official_files, home, tmp_path, monkeypatch):
    part, folder = bring(official_files, "vocos-24k")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    _, source, sizes = published(official_files, "vocos-24k")

    def broken(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_record", broken)
    with pytest.raises(OSError, match="No space"):
        importing.import_part(part, source, config=sizes, allow_pickle=True)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert left_over(home) == sorted([folder.name, *before])


def test_what_a_killed_import_left_is_never_used_and_goes_with_the_next(official_files, home):
    part, folder = bring(official_files, "vocos-24k")
    left = home / f".{part.name}.k1ll3d.partial"
    folder.rename(left)  # killed before the last rename: whole, but not published
    assert not store.is_there(part)
    with pytest.raises(WeightsError, match="is not in"):
        parts.network(part)
    bring(official_files, "vocos-24k")
    assert not left.exists() and parts.network(part).config.dim == 16


def test_an_import_killed_between_its_renames_keeps_the_former_part(official_files, home):
    part, folder = bring(official_files, "vocos-24k")
    folder.rename(home / f".{part.name}.old")
    assert store.is_there(part) and parts.network(part).config.dim == 16


def test_a_folder_that_cannot_hold_weights_is_told(official_files, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv(store.PLACE_VARIABLE, str(place))
        with pytest.raises(ResourceError, match="cannot hold weights") as caught:
            bring(official_files, "vocos-24k")
        assert caught.value.exit_code == 6 and store.PLACE_VARIABLE in caught.value.hint


def test_a_record_that_leaves_its_folder_is_refused(official_files, home):
    part, folder = bring(official_files, "vocos-24k")
    record = json.loads((folder / "part.json").read_text())
    record["files"]["../other"] = record["files"]["config.json"]
    (folder / "part.json").write_text(json.dumps(record))
    with pytest.raises(WeightsError, match=r"part\.json"):
        store.checked(part)


def test_tampering_is_found(official_files, home):
    part, folder = bring(official_files, "vocos-24k")
    weights = folder / "model.safetensors"
    assert store.verify(part) == folder
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    for use in (store.verify, store.checked, parts.network):
        with pytest.raises(WeightsError, match=r"model\.safetensors was changed"):
            use(part)
    weights.write_bytes(content[:-4])
    with pytest.raises(WeightsError, match="bytes, not"):
        store.checked(part)
    weights.unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors is missing"):
        store.checked(part)
    (folder / "part.json").write_text("{")
    with pytest.raises(WeightsError, match=r"part\.json cannot be read"):
        store.checked(part)


def test_a_part_under_another_name_is_refused(official_files, home):
    _, folder = bring(official_files, "bigvgan-16k")
    other = official.part("bigvgan-v2-44k")
    folder.rename(store.folder_of(other))
    with pytest.raises(WeightsError, match="another part"):
        parts.network(other)


def test_no_space_is_told_before_work(official_files, home, monkeypatch):
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: Disk(0, 0, 10))
    with pytest.raises(ResourceError, match="10 B are free"):
        bring(official_files, "vocos-24k")
    assert not home.exists()


def test_preset_tables_are_whole():
    for preset in official.PRESETS.values():
        assert {"v2a", "codec", "tts", "vocabulary", "tts_vocoder", "clip"} <= preset.parts.keys()
        assert all(name in official.PARTS for name in preset.part_names)
    for part in official.PARTS.values():
        assert part.licence
        if part.kind == "mmaudio":
            assert part.files[0].md5 and part.non_commercial


def test_offline_pull_fails_at_once(home, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(fetch, "_download", lambda *a: pytest.fail("the network was used"))
    with pytest.raises(WeightsError) as caught:
        fetch.pull(official.part("vocos-24k"))
    assert caught.value.code == "weights.offline" and "54.0 MB" in str(caught.value)
    with pytest.raises(WeightsError, match="no weights of this network are public"):
        fetch.pull(official.part("yingsound-24k"))


def hub_with(monkeypatch, content, etag):
    """huggingface_hub answering from memory; what it was asked for."""
    import huggingface_hub as hub

    asked = []

    def download(repository, path, revision, local_dir):
        asked.append((repository, path, revision))
        target = local_dir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content[path])
        return str(target)

    meta = SimpleNamespace(commit_hash="c0ffee", etag=etag)
    monkeypatch.setattr(hub, "get_hf_file_metadata", lambda url: meta)
    monkeypatch.setattr(hub, "hf_hub_download", download)
    for name in fetch.OFFLINE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return asked


def test_the_hub_is_pinned_and_its_sum_compared(official_files, home, monkeypatch):
    source = published(official_files, "vocos-24k")[1]
    file = OfficialFile(source.name, "charactr/vocos-mel-24khz", size=1000)
    part = Part("vocos-24k", "vocos", (file,), "MIT", config=VOCOS)
    content = {source.name: source.read_bytes()}
    hub_with(monkeypatch, content, "0" * 64)
    with pytest.raises(WeightsError, match="not the SHA-256"):
        fetch.pull(part)
    assert not store.is_there(part)
    asked = hub_with(monkeypatch, content, store.sha256_of(source))
    folder = fetch.pull(part)
    assert asked == [("charactr/vocos-mel-24khz", source.name, "c0ffee")]
    assert store.read_record(folder, part)["origin"] == "hf.co/charactr/vocos-mel-24khz@c0ffee"
    # here now: no further question
    hub_with(monkeypatch, {}, "")
    assert fetch.pull(part) == folder


def test_an_unreachable_hub_is_a_weights_error(home, monkeypatch):
    import huggingface_hub as hub

    class ConnectError(Exception):
        """Of an HTTP library that is none of ours."""

    def unreachable(url):
        raise ConnectError("Name or service not known")

    hub_with(monkeypatch, {}, "")
    monkeypatch.setattr(hub, "get_hf_file_metadata", unreachable)
    with pytest.raises(WeightsError, match="Name or service not known") as caught:
        fetch.pull(official.part("vocos-24k"))
    assert caught.value.code == "weights.unreachable" and "models import" in caught.value.hint


def test_a_pretrained_folder_is_pulled_whole(home, monkeypatch, tmp_path):
    from transformers import EncodecConfig, EncodecModel

    sizes = EncodecConfig(hidden_size=8, num_filters=2, codebook_size=4, codebook_dim=8)
    EncodecModel(sizes).save_pretrained(tmp_path)
    names = ("model.safetensors", "config.json")
    hub_with(monkeypatch, {n: (tmp_path / n).read_bytes() for n in names}, "")
    part = official.part("encodec-24k")
    folder = fetch.pull(part)
    assert sorted(p.name for p in folder.iterdir()) == sorted([*names, "part.json"])
    assert parts.encodec(part).dim == 8


class Served(BaseHTTPRequestHandler):
    """Serves one content with ranges; the first answer stops halfway."""

    content, first, kind = b"", True, "application/octet-stream"

    def do_GET(self):
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        rest = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: len(rest) // 2] if type(self).first else rest)
        type(self).first = False

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in fetch.OFFLINE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    http = HTTPServer(("127.0.0.1", 0), Served)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    Served.first, Served.kind = True, "application/octet-stream"
    yield f"http://127.0.0.1:{http.server_port}/"
    http.shutdown()
    http.server_close()


def served_part(server, source, md5):
    file = OfficialFile(source.name, url=server + source.name, size=1000, md5=md5)
    return Part("vocos-24k", "vocos", (file,), "MIT", config=VOCOS)


def test_a_cut_download_is_resumed_and_imported(official_files, home, server):
    source = published(official_files, "vocos-24k")[1]
    Served.content = source.read_bytes()
    part = served_part(server, source, store.md5_of(source))
    with pytest.raises((ResourceError, WeightsError)):
        fetch.pull(part)
    assert not store.is_there(part)
    (partial,) = (home / ".downloads" / part.name).iterdir()
    assert 0 < partial.stat().st_size < len(Served.content)
    assert fetch.pull(part) == store.folder_of(part)
    assert parts.network(part).config.dim == 16
    assert not (home / ".downloads" / part.name).exists()


def test_a_download_with_another_sum_is_dropped(official_files, home, server):
    source = published(official_files, "vocos-24k")[1]
    Served.content, Served.first = source.read_bytes(), False
    part = served_part(server, source, "0" * 32)
    with pytest.raises(WeightsError, match="published 0000"):
        fetch.pull(part)
    assert not store.is_there(part)
    assert not home.exists() or left_over(home) == []
    Served.kind = "text/html"
    with pytest.raises(WeightsError, match="web page"):
        fetch.pull(part)
