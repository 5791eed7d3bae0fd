"""How far a run of the speech module is: its flow loss on held-out talkers, and what judges say of 24 sentences.

    python -m deepaudio.evaluation.validate_speech RUN/model VOICES.jsonl ROWS.jsonl --shards val
    python -m deepaudio.evaluation.validate_speech --plot ROWS.jsonl curves.svg

VOICES holds one recording (`audio`, `speaker`) of each held-out talker, the shards others of held-out talkers. One row is
appended to ROWS for each call: the same sentences, voices, times and noise every time. Step and core-hours are those that
training wrote beside the model folder. Needs the extra `judges`.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from deepaudio.audio.mel import standardize
from deepaudio.data.manifest import Item, read_manifest
from deepaudio.data.speech import SpeechBatch, SpeechData, SpeechShards
from deepaudio.data.validation import validation_items
from deepaudio.devices import dtype_of
from deepaudio.errors import DeepAudioError
from deepaudio.flow.objective import flow_matching_loss
from deepaudio.flow.path import interpolate
from deepaudio.inference.mini_tts import Reference, TextToSpeech
from deepaudio.judges import open_judge
from deepaudio.media.audio import read_audio, write_wav
from deepaudio.metrics.embeddings import cosine
from deepaudio.metrics.transcripts import wer_pooled
from deepaudio.models.tts import dit
from deepaudio.options import PRESET, SampleOptions
from deepaudio.presets.trained import preset_folder
from deepaudio.reports.curves import plot

log = logging.getLogger(__name__)
TIMES = (0.1, 0.3, 0.5, 0.7, 0.9)
BATCHES, ITEMS, FRAMES = 3, 8, 512
JUDGE_RATE = 16_000


@torch.inference_mode()
def flow_loss(network: dit.Model, shards: Sequence[str]) -> dict[str, float]:
    """Mean flow loss without energy at each of TIMES, and over them; the pairs and the noise are always the same ones."""
    data = SpeechShards(SpeechData(tuple(shards), batch_items=ITEMS, frames=FRAMES))
    rng = torch.Generator().manual_seed(0)
    sums, weight = torch.zeros(len(TIMES)), 0.0
    for _ in range(BATCHES):
        batch = data.batch(rng)
        noise = torch.randn(batch.mel.shape, generator=rng)
        found = [_errors(network, batch, noise, time) for time in TIMES]
        sums += torch.stack([one.sum for one in found])
        weight += float(found[0].weight)
    means = (sums / weight).tolist()
    rows = {f"flow_{time}": mean for time, mean in zip(TIMES, means, strict=True)}
    return {"flow": sum(means) / len(means), **rows}


def _errors(network: dit.Model, batch: SpeechBatch, noise: Tensor, time: float):
    x1 = standardize(batch.mel)
    cond = network.encode(
        content=torch.cat([batch.content, standardize(batch.prior)], -1),
        content_mask=batch.target,
        cond=x1 * batch.prompt[..., None],
        cond_mask=batch.prompt,
        mask=batch.prompt | batch.target,
    )
    t = torch.full((len(x1),), time)
    sample = interpolate(noise, x1, t)
    return flow_matching_loss(network(sample.x_t, t, cond), sample.v, batch.target)


def heard(
    tts: TextToSpeech, voices: Sequence[Item], options: SampleOptions, sounds: Path | None = None
) -> dict[str, float]:
    """WER (whisper-base, pooled), similarity to the reference, how often it is the nearest (Resemblyzer), DNSMOS."""
    transcribe, speaker, quality = map(open_judge, ("whisper-base", "resemblyzer", "dnsmos"))
    items = validation_items(voices)
    references = {i.speaker: read_audio(Path(i.reference), JUDGE_RATE) for i in items}
    prompts = {name: speaker(sound, JUDGE_RATE) for name, sound in references.items()}
    texts, alike, near, scores = [], [], [], []
    for item in items:
        reference = Reference(references[item.speaker], JUDGE_RATE)
        sound = tts.speak(item.text, reference, options=options)
        if sounds is not None:
            sounds.mkdir(parents=True, exist_ok=True)
            write_wav(sounds / f"{item.id}.wav", sound, tts.sample_rate)
        own = speaker(sound, tts.sample_rate)
        cosines = {name: cosine(own, prompt) for name, prompt in prompts.items()}
        alike.append(cosines[item.speaker])
        near.append(max(cosines, key=cosines.get) == item.speaker)
        texts.append(transcribe(sound, tts.sample_rate))
        scores.append(quality(sound, tts.sample_rate)["overall"])
    return {
        "wer": wer_pooled([i.text for i in items], texts),
        "similarity": sum(alike) / len(items),
        "nearest": sum(near) / len(items),
        "mos": sum(scores) / len(items),
    }


def validate(folder: Path, given: argparse.Namespace) -> dict[str, float]:
    """The row of a model folder."""
    preset, trained = preset_folder(given.preset), {"tts": folder}
    dtype = dtype_of("auto", torch.device("cpu"), full_size=True)  # as the product takes it
    tts = TextToSpeech.load(preset, trained=trained, dtype=dtype)
    asked = SampleOptions(given.steps, guidance_scale=given.guidance, noise_scale=given.noise_scale)
    options = tts.defaults.fill(asked)
    progress = folder.parent / "progress.json"
    row = {"step": 0, "hours": 0.0}
    row |= json.loads(progress.read_text()) if progress.is_file() else {}
    row |= {"steps": options.steps, "guidance": options.guidance_scale}
    row |= {"noise_scale": options.noise_scale}
    if given.shards:
        row |= flow_loss(tts.network, given.shards)
    return row | heard(tts, list(read_manifest(given.voices)), options, given.sounds)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="validate_speech", description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="model folder of a run (with --plot: the rows)")
    parser.add_argument("voices", type=Path, help="manifest of one recording a held-out talker")
    parser.add_argument("rows", type=Path, nargs="?", help="JSONL file to which the row is added")
    parser.add_argument("--plot", action="store_true", help="draw ROWS as an SVG: --plot ROWS SVG")
    parser.add_argument("--shards", nargs="*", default=(), help="speech shards of held-out talkers")
    parser.add_argument("--preset", default=PRESET, help="of the vocoder and the voice")
    parser.add_argument("--steps", type=int, help="of the solver")
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--noise-scale", type=float, help="factor on the noise at the start")
    parser.add_argument("--sounds", type=Path, help="folder for what was said")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if given.plot:
        rows = [json.loads(line) for line in given.model.read_text().splitlines()]
        plot(rows, given.voices)
        return 0
    if given.rows is None:
        parser.error("ROWS is missing")
    try:
        row = validate(given.model, given)
    except DeepAudioError as error:
        log.error("%s%s", error.message, f" ({error.hint})" if error.hint else "")
        return error.exit_code
    with given.rows.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
    log.info("%s", json.dumps(row))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
