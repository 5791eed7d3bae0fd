"""Subtitles: SRT and WebVTT by one linear scan that keeps line numbers; cues of every format to lines."""

import re

from deepaudio.errors import InputError
from deepaudio.script import clean
from deepaudio.script.cue import MAX_CHARS_PER_LINE, Line, Parsed, Skipped
from deepaudio.script.formats import Format, lyrics, rolling
from deepaudio.script.formats.rows import Cue, scan
from deepaudio.script.formats.turns import Turn, named_rows, shared, turns
from deepaudio.script.speakers import accepted_names, split_name

_VOICE = re.compile(r"<v(?:\.[^\s>]{0,60})?\s+([^<>\n]{1,80})>")


def parse_srt(text: str, *, known=(), speak_sdh: bool = False) -> Parsed:
    """Lines of a SubRip file."""
    skipped: list[Skipped] = []
    cues = list(scan(text.split("\n"), skipped))
    if not cues and text.strip():
        message = "the script holds no row of times: it is no SubRip file"
        hint = "a row of times is 00:00:01,500 --> 00:00:03,000; name a plain text .txt"
        raise InputError("script.format", message, hint)
    lines, left_out, words = spoken_lines(cues, known, speak_sdh)
    return Parsed(lines, skipped + left_out, words)


def parse_vtt(text: str, *, known=(), speak_sdh: bool = False) -> Parsed:
    """Lines of a WebVTT file; `<v Name>` names the speaker, NOTE, STYLE and REGION blocks are left out."""
    rows = text.split("\n")
    if not re.match(r"WEBVTT(?:[ \t].*)?$", rows[0]):
        raise InputError("script.vtt", "line 1: a WebVTT file begins with WEBVTT", line=1)
    skipped: list[Skipped] = []
    cues: list[Cue] = []
    for cue in scan(rows, skipped, vtt=True):
        cues += _voices(cue)
    lines, left_out, words = spoken_lines(cues, known, speak_sdh)
    return Parsed(lines, skipped + left_out, words)


def spoken_lines(cues: list[Cue], known=(), speak_sdh: bool = False) -> Parsed:
    """Cues to lines: mark-up removed, what is shown twice said once, speakers told apart, sounds and songs left out."""
    skipped: list[Skipped] = []
    for cue in cues:
        if len(cue.text) > 10 * MAX_CHARS_PER_LINE:
            message = f"line {cue.row}, cue {cue.id}: {len(cue.text)} characters in one cue"
            raise InputError("script.limits", message, line=cue.row)
    texts = [clean.strip_tags(cue.text, subtitle=True).strip(" \n") for cue in cues]
    cues, texts = rolling.once(cues, texts, skipped)
    if not speak_sdh:
        texts = _without_songs(cues, texts, skipped)
    names = accepted_names((row for text in texts for row in named_rows(text)), known)
    names |= _side_by_side(texts)
    lines: list[Line] = []
    for cue, text in zip(cues, texts, strict=True):
        spoken: list[Turn] = []
        for turn in turns(text, names, cue.speaker):
            words = turn.text
            if not speak_sdh:
                words, left_out = clean.without_sounds(words, cue.row, subtitle=True)
                skipped += left_out
            words = clean.one_line(words)
            if clean.has_words(words):
                spoken.append(Turn(turn.speaker, words, turn.mood))
        if not spoken and text.strip():
            skipped.append(Skipped(cue.row, clean.one_line(text), "nothing to speak"))
        lines += _lines(cue, spoken)
    return Parsed(lines, skipped, [])


def _side_by_side(texts: list[str]) -> set[str]:
    """Names of cues in which several rows have one in front: that is no "Note: ..."."""
    found: set[str] = set()
    for text in texts:
        names = {name for name, _ in map(split_name, named_rows(text)) if name}
        found |= names if len(names) > 1 else set()
    return found


def _lines(cue: Cue, spoken: list[Turn]) -> list[Line]:
    """One line a turn; several share the cue's time by the length of their words."""
    if len(spoken) == 1:
        name, text, mood = spoken[0]
        return [Line(cue.id, cue.start, cue.end, name, text, mood=mood, row=cue.row)]
    spans = shared(cue.start, cue.end, [len(turn.text) for turn in spoken])
    return [
        Line(f"{cue.id}.{number}", start, end, turn.speaker, turn.text, mood=turn.mood, row=cue.row)
        for number, (turn, (start, end)) in enumerate(zip(spoken, spans, strict=True), 1)
    ]


def _without_songs(cues: list[Cue], texts: list[str], skipped: list[Skipped]) -> list[str]:
    texts = [lyrics.marks(text, hashes=True) for text in texts]
    inside = lyrics.running(texts, [(cue.start, cue.end) for cue in cues])
    made = []
    for cue, text, in_song in zip(cues, texts, inside, strict=True):
        rest, songs = ("", [" ".join(text.split())]) if in_song else lyrics.split(text)
        skipped += [Skipped(cue.row, song, "lyrics") for song in songs]
        made.append(rest)
    return made


def _voices(cue: Cue) -> list[Cue]:
    """One cue for each `<v Name>` span; several share the time by the length of their texts."""
    parts = _VOICE.split(cue.text)
    spans = [(None, parts[0])] if parts[0].strip() else []
    spans += list(zip(parts[1::2], parts[2::2], strict=True))
    spans = [(name, text) for name, text in spans if text.strip()]
    if len(spans) < 2:
        return [
            cue._replace(speaker=name.strip() if name else None, text=text) for name, text in spans
        ] or [cue]
    times = shared(cue.start, cue.end, [len(text) for _, text in spans])
    return [
        Cue(cue.row, f"{cue.id}.{n}", *time, name.strip() if name else None, text)
        for n, ((name, text), time) in enumerate(zip(spans, times, strict=True), 1)
    ]


FORMATS = {
    "srt": Format("SRT subtitles", (".srt",), parse_srt),
    "vtt": Format("WebVTT subtitles", (".vtt",), parse_vtt),
}
