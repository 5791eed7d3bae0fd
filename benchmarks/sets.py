"""The evaluation sets behind the figures of `mini`: 50 sentences, 10 unseen voices, 30 GRID clips.

None of it is seen in training: the sentences are our own, the voices are real speakers outside the
training corpora, the clips come from the held-out tenth of GRID. Media are looked for in a folder
and never shipped.
"""

import csv
import re
from pathlib import Path

from deepaudio.data.corpora.grid import grid_items
from deepaudio.data.manifest import Item
from deepaudio.errors import InputError
from deepaudio.media.audio import read_audio

SENTENCES = (
    "The kettle is on, and the bread came out of the oven ten minutes ago.",
    "Could you please move your bicycle away from the door?",
    "Margaret left the keys with our neighbour, Mister Collins.",
    "We counted forty seven boats in the harbour this morning.",
    "Nobody told me that the meeting had been moved to Thursday.",
    "If it rains tonight, the tent will keep us dry.",
    "He plays the cello better than anyone else in the orchestra.",
    "How long have you been waiting for the number nine bus?",
    "The old bridge was closed after the flood in nineteen fifty three.",
    "Put the blue cup on the top shelf, next to the honey.",
    "She never forgets a face, but names are another matter.",
    "Our flight to Lisbon leaves at a quarter past six.",
    "What did Daniel say when he opened the letter?",
    "The gardener trimmed the hedge and swept the path.",
    "I would rather walk home than sit in traffic for an hour.",
    "There are three hundred and twelve pages in this book.",
    "The museum is free on the first Sunday of every month.",
    "Why would anyone paint a ceiling that shade of green?",
    "Doctor Harper will see you in room fourteen.",
    "The wind dropped suddenly, and the sails hung loose.",
    "They built the cabin from pine that grew on the hill.",
    "Please read the second paragraph aloud.",
    "My grandmother kept her recipes in a small wooden box.",
    "Seven plus eight is fifteen, not sixteen.",
    "The train from Edinburgh was twenty minutes late.",
    "Is there any coffee left, or should I make some more?",
    "A heavy frost covered the windows of the car.",
    "Sofia and Peter have known each other since school.",
    "The lamp in the hallway flickers whenever the fridge starts.",
    "You can borrow my umbrella if you bring it back tomorrow.",
    "The recipe asks for two eggs and a pinch of salt.",
    "Did you hear the owl outside last night?",
    "The carpenter measured the shelf twice before he cut it.",
    "After lunch the children fell asleep under the apple tree.",
    "Send the parcel to eighteen Orchard Street.",
    "The choir sang so softly that we could hear the clock.",
    "It takes patience to teach a dog to wait.",
    "Where on earth did you find that enormous pumpkin?",
    "The last page of the diary had been torn out.",
    "Emma swims two kilometres before breakfast.",
    "A thin layer of dust lay on the piano.",
    "The bakery on the corner sells out by nine o'clock.",
    "Let us meet at the fountain when the concert is over.",
    "Who is going to feed the cat while we are in Norway?",
    "The judge listened carefully and wrote nothing down.",
    "Ninety percent of the seats were already taken.",
    "Fresh snow had fallen, and the road was silent.",
    "Victor fixed the radio with a piece of copper wire.",
    "I am sorry, but this ticket is only valid on weekdays.",
    "In the end, nobody wanted to leave the warm kitchen.",
)

# Prompt (3 to 9 s of clear English), and another utterance of the same voice where there is one.
VOICES = {
    "p225": (
        "voice_vctk/auspicious3000__autovc__p225_003.wav",
        "voice_vctk/auspicious3000__autovc__p225_024.wav",
    ),
    "p226": (
        "voice_vctk/auspicious3000__autovc__p226_005.wav",
        "voice_vctk/auspicious3000__autovc__p226_024.wav",
    ),
    "libri-1688": (
        "voice_libri_testother/resemble-ai__Resemblyzer__1688-142285-0003.flac",
        "voice_libri_testother/resemble-ai__Resemblyzer__1688-142285-0004.flac",
    ),
    "libri-1998": (
        "voice_libri_testother/resemble-ai__Resemblyzer__1998-15444-0001.flac",
        "voice_libri_testother/resemble-ai__Resemblyzer__1998-15444-0004.flac",
    ),
    "libri-2414": (
        "voice_libri_testother/resemble-ai__Resemblyzer__2414-128291-0001.flac",
        "voice_libri_testother/resemble-ai__Resemblyzer__2414-128291-0004.flac",
    ),
    "libri-3331": (
        "voice_libri_testother/resemble-ai__Resemblyzer__3331-159605-0003.flac",
        "voice_libri_testother/resemble-ai__Resemblyzer__3331-159605-0002.flac",
    ),
    "libri-367": (
        "voice_libri_testother/resemble-ai__Resemblyzer__367-130732-0004.flac",
        "voice_libri_testother/resemble-ai__Resemblyzer__367-130732-0001.flac",
    ),
    "ljspeech": (
        "voice_ljspeech/coqui-ai__TTS__LJ001-0028.flac",
        "voice_ljspeech/coqui-ai__TTS__LJ001-0017.flac",
    ),
    "man": ("voice_ref/boson-ai__higgs-audio__en_man.wav", None),
    "woman": ("voice_ref/boson-ai__higgs-audio__en_woman.wav", None),
}
SENTENCES_A_VOICE = 5
PAIRS, REAL, SYNTHESISED = "gt_vs_tts_libritts", "_ground-truth", "_synthesized"
GRID_CLIPS = 30
RATE = 16_000


def voice_items(media: Path) -> list[Item]:
    """The ten unseen voices: `audio` is the prompt, `text` what it says where that is known."""
    words = _transcripts(media)
    items = []
    for name, (prompt, other) in VOICES.items():
        if not (media / prompt).is_file():
            raise InputError("media.missing", f"no {prompt} in {media}", hint="--media DIR")
        extra = {"other": str(media / other)} if other else {}
        items.append(
            Item(
                id=name,
                audio=str(media / prompt),
                text=words.get(prompt),
                speaker=name,
                extra=extra,
            )
        )
    return items


def recordings_of(media: Path, voice: str, shortest: float = 3.0) -> list[Item]:
    """Recordings of `shortest` seconds and more whose text is known, of a voice of which there are several; by name."""
    prompt = VOICES[voice][0]
    pattern = re.sub(r"[-_]?\d+(?=\.\w+$)", "*", prompt)
    words = _transcripts(media)
    items = [
        Item(
            id=path.stem,
            audio=str(path),
            text=words.get(str(path.relative_to(media))),
            speaker=voice,
        )
        for path in sorted(media.glob(pattern))
        if len(read_audio(path, RATE)) >= shortest * RATE
    ]
    return [item for item in items if item.text]


def sentence_items(voice: Path, voice_text: str | None = None) -> list[Item]:
    """All 50 sentences in one voice."""
    return [
        Item(id=f"s{i:02d}", text=text, reference=str(voice), reference_text=voice_text)
        for i, text in enumerate(SENTENCES)
    ]


def cross_voice_items(media: Path) -> list[Item]:
    """Five sentences in each of the ten voices, all 50 sentences used once."""
    return [
        Item(
            id=f"{voice.id}-s{i:02d}",
            text=SENTENCES[i],
            reference=voice.audio,
            reference_text=voice.text,
            speaker=voice.id,
        )
        for v, voice in enumerate(voice_items(media))
        for i in range(v * SENTENCES_A_VOICE, (v + 1) * SENTENCES_A_VOICE)
    ]


def pair_items(media: Path) -> list[Item]:
    """Real utterances whose synthesised counterparts lie beside them as ID.wav."""
    words = _transcripts(media)
    items = []
    for real in sorted((media / PAIRS).glob(f"*{REAL}.wav")):
        stem = real.stem.removesuffix(REAL)
        text = words.get(f"{PAIRS}/{real.name}")
        items.append(Item(id=f"{stem}{SYNTHESISED}", text=text, audio=str(real)))
    if not items:
        raise InputError("media.missing", f"no *{REAL}.wav in {media / PAIRS}", hint="--media DIR")
    return items


def grid_clips(media: Path, count: int = GRID_CLIPS) -> list[Item]:
    """`count` held-out GRID clips, evenly spread over the sorted names."""
    held_out = sorted(grid_items(media / "grid_s1", held_out=True), key=lambda item: item.id)
    if len(held_out) < count:
        raise InputError("media.grid", f"{len(held_out)} held-out clips, {count} wanted")
    return [held_out[i * len(held_out) // count] for i in range(count)]


def _transcripts(media: Path) -> dict[str, str]:
    index = media / "MANIFEST.tsv"
    if not index.is_file():
        raise InputError("media.missing", f"no MANIFEST.tsv in {media}", hint="--media DIR")
    with index.open(newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["file"]: row["transcript"] for row in rows if row["transcript"]}
