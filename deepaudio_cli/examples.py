"""Ready commands of `deepaudio dub --examples`, which the man page shows as well."""

EXAMPLES = (
    (
        "One voice: the lines of a script at its times",
        "clip.mp4 --script lines.srt --ref voice.wav",
    ),
    ("Only look at the plan", "clip.mp4 --script lines.txt --ref voice.wav --dry-run"),
    ("Words without a file", 'clip.mp4 --text "We should leave." --ref voice.wav -o out.mp4'),
    (
        "Two speakers, MARA: and JON: in the script",
        "clip.mp4 --script lines.txt --voice MARA=mara.wav --voice JON=jon.wav",
    ),
    (
        "A cast with pace, gain and moods, in German beside the original",
        "film.mkv --script de.srt --voices voices.toml --audio add --language de --subtitles track",
    ),
    (
        "The same words in another voice",
        "talk.mp4 --transcribe --ref voice.wav",
    ),
    (
        "What is said in the clip, as a file to translate",
        "talk.mp4 --transcribe --ref voice.wav --dry-run --emit-script talk.json",
    ),
    (
        "A quick listen to some lines, or to a part",
        "film.mkv --script lines.srt --ref voice.wav --only 2,5-7",
    ),
    (
        "",
        "film.mkv --script lines.srt --ref voice.wav --from 1:15 --to 1:30",
    ),
    (
        "Four takes of line 3 to choose from, then the second one in the mix",
        "film.mkv --script lines.srt --ref voice.wav --only 3 --takes 4 --stems takes",
    ),
    (
        "",
        "film.mkv --script lines.srt --ref voice.wav --take 3=2",
    ),
    (
        "Generated sounds under the lines, loudness for streaming",
        'clip.mp4 --script lines.txt --ref voice.wav --bed foley --prompt "rain" --loudness streaming',
    ),
    (
        "A page to look at and listen to, subtitles for viewers",
        "clip.mp4 --script lines.srt --ref voice.wav --report dub.html --subtitles dub.srt",
    ),
    (
        "Many clips, two at a time; later go on where it stopped",
        "--manifest jobs.jsonl --out-dir out --jobs 2 --resume",
    ),
    ("What they will take, from four of them", "--manifest jobs.jsonl --estimate --jobs 2"),
)


def page() -> str:
    """The examples for a terminal: what each does, and the command."""
    rows = []
    for what, arguments in EXAMPLES:
        rows += (["", f"# {what}"] if what else []) + [f"deepaudio dub {arguments}"]
    return "\n".join(rows[1:])
