"""What a short command costs before it begins: modules imported and bytes read, counted, as seconds depend on the machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = 560  # beside those of torch; 777 when scipy, huggingface_hub and pkg_resources came along
BYTES = 50e6  # 69e6 when the tables of the base TTS were parsed whole
NOT_NEEDED = {"scipy", "huggingface_hub", "encodec", "pkg_resources", "transformers", "torchvision"}
NOT_NEEDED |= {"cv2", "matplotlib", "yaml", "pandas", "ray", "moviepy", "pysubs2"}

COUNT = """
import json, sys, torch
from pathlib import Path
from deepaudio_cli.main import _outcome
before, read = set(sys.modules), lambda: int(Path("/proc/self/io").read_text().split()[1])
start = read()
code = _outcome(sys.argv[1:])
print(json.dumps([code, sorted(set(sys.modules) - before), read() - start]))
"""


def _run(code: str, *arguments: object, cache: Path) -> str:
    environment = {"PYTHONPATH": str(ROOT), "DEEPAUDIO_CACHE_DIR": str(cache), "HOME": str(cache)}
    line = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="bytes are counted by Linux")
def test_a_sentence_imports_and_reads_no_more_than_it_needs(tmp_path):
    line = ["tts", "--text", "Hello there.", "--ref", ROOT / "examples/voice.wav", "-o"]
    first = json.loads(_run(COUNT, *line, tmp_path / "a.wav", cache=tmp_path))
    code, modules, read = json.loads(_run(COUNT, *line, tmp_path / "b.wav", cache=tmp_path))
    assert first[0] == code == 0
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert not NOT_NEEDED & {name.partition(".")[0] for name in modules}
    assert len(modules) < MODULES
    assert read < BYTES < first[2]  # the second run reads what the first one kept


def test_help_imports_no_network(tmp_path):
    code = (
        "import sys; from deepaudio_cli.main import _outcome; _outcome(['dub', '--help']);"
        "print(sorted({'torch', 'numpy', 'av'} & set(sys.modules)))"
    )
    assert _run(code, cache=tmp_path) == "[]"


def test_leaving_at_once_keeps_the_exit_code_and_what_was_to_be_done_at_exit():
    code = (
        "import atexit; from deepaudio_cli.main import run;"
        "atexit.register(print, 'tidied', flush=True); run(['tts', '--nonsense'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and done.stdout == "tidied\n" and "--nonsense" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems come with another OpenMP")
@pytest.mark.parametrize(("given", "at_once"), [({}, True), ({"OMP_WAIT_POLICY": "ACTIVE"}, False)])
def test_threads_that_wait_sleep_at_once_unless_told_otherwise(tmp_path, given, at_once):
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    environment |= {"OMP_DISPLAY_ENV": "VERBOSE", "PYTHONPATH": str(ROOT), **given}
    line = [sys.executable, "-m", "deepaudio_cli", "doctor"]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert ("GOMP_SPINCOUNT = '0'" in done.stderr) is at_once
