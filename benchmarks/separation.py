"""What is left of speech in the bed of `--bed separate`, and what of the music and the effects beside it.

    python -m benchmarks.separation --speech RECORDING ... --beds SOUND ... [--levels 0 -6 -12] [--limit N]

Each recording of speech is mixed with one of the sounds (in turn), the sound so many dB from the loudness of the speech. Three
beds are compared: the mixture as it is, the mixture ducked under the speech as `--bed keep` does, and `--bed separate`. Columns:

    SI-SDR    of the bed against the sound that was mixed in, dB
    excess    energy of the bed against that of the sound while there is speech, dB: what of the voice is left (below 0: sound is lost)
    words     share of the words heard in the speech alone that are heard in the bed, by the recogniser
    quiet     energy of the bed against that of the sound where nobody speaks, dB

Needs the extras `separate` and `transcribe`.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import jiwer
import torch
from torch import Tensor

from deepaudio.audio import mix
from deepaudio.audio.meter import measure
from deepaudio.judges import open_judge
from deepaudio.media.audio import read_audio
from deepaudio.metrics.transcripts import normalised
from deepaudio.options import DUCK_DB, RECOGNISER
from deepaudio.separation import spleeter, windows
from deepaudio.waves import LazyWave

RATE = windows.RATE
FRAME = RATE // 50
LEAD = 0.5  # seconds before the speech
COLUMNS = ("SI-SDR", "excess", "words", "quiet")


def loudness(sound: Tensor) -> float:
    """LUFS."""
    return measure([sound], RATE).lufs


def mixtures(
    speech: list[Path], beds: list[Path], levels: list[float]
) -> Iterator[tuple[float, Tensor, Tensor]]:
    """(dB, speech [c s], bed [c s]) of every recording at every level."""
    for number, path in enumerate(speech):
        bed = read_audio(beds[number % len(beds)], RATE, mono=False, what="bed")[:2]
        voice = read_audio(path, RATE, what="speech")[: bed.shape[1] - 2 * round(LEAD * RATE)]
        placed = torch.zeros_like(bed)
        start = round(LEAD * RATE)
        placed[:, start : start + len(voice)] = voice
        for level in levels:
            gain = 10 ** ((loudness(placed) + level - loudness(bed)) / 20)
            yield level, placed, bed * gain


def si_sdr(found: Tensor, wanted: Tensor) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al., 2019), dB."""
    scaled = wanted * (found * wanted).sum() / wanted.square().sum()
    return float(10 * (scaled.square().sum() / (found - scaled).square().sum()).log10())


def energies(sound: Tensor) -> Tensor:
    """Of frames of 20 ms."""
    whole = sound.shape[1] // FRAME * FRAME
    return sound[:, :whole].reshape(len(sound), -1, FRAME).square().mean((0, 2))


def ratio(found: Tensor, wanted: Tensor, where: Tensor) -> float:
    """Energy of one against the other in those frames, dB."""
    return float(10 * (energies(found)[where].mean() / energies(wanted)[where].mean()).log10())


def heard(words: str, reference: str) -> float:
    """Share of the reference's words that are heard."""
    if not reference:
        return float("nan")
    said = jiwer.process_words(reference, words or "-")
    return said.hits / len(reference.split())


def main() -> None:
    """Measure and print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech", type=Path, nargs="+", required=True)
    parser.add_argument("--beds", type=Path, nargs="+", required=True)
    parser.add_argument("--levels", type=float, nargs="+", default=[0.0, -6.0, -12.0])
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    voice_net, rest_net = spleeter.load()
    listen = open_judge(RECOGNISER)
    rows: dict[tuple[float, str], list[list[float]]] = {}
    seconds = spent = 0.0
    chosen = arguments.speech[: arguments.limit]
    for level, voice, bed in mixtures(chosen, arguments.beds, arguments.levels):
        both = LazyWave.of(voice + bed, RATE)
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            found = windows.voice_in(both, voice_net, rest_net, Path(folder))
            separated = windows.without(both, found).whole()
        spent += time.process_time() - begun
        seconds += both.seconds
        duck = mix.ducked(both, LazyWave.of(voice[:1], RATE), DUCK_DB).whole()
        active = energies(voice) > 1e-3 * energies(voice).max()
        words = normalised(listen(voice.mean(0), RATE))
        kinds = {"as it is": both.whole(), "ducked": duck, "separate": separated}
        for name, sound in kinds.items():
            line = [si_sdr(sound, bed), ratio(sound, bed, active)]
            line += [heard(normalised(listen(sound.mean(0), RATE)), words)]
            line += [ratio(sound, bed, energies(voice) < 1e-9)]
            rows.setdefault((level, name), []).append(line)
    print(f"{len(chosen)} recordings, {spent / seconds:.2f} CPU s for a second of sound\n")
    print(f"| sound | bed | {' | '.join(COLUMNS)} |\n|--|--|{'--|' * len(COLUMNS)}")
    for (level, name), lines in rows.items():
        mean = torch.tensor(lines).nanmean(0).tolist()
        cells = [f"{mean[0]:.1f}", f"{mean[1]:+.1f}", f"{mean[2]:.0%}", f"{mean[3]:+.1f}"]
        print(f"| {level:+g} dB | {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
