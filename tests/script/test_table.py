"""Tables: CSV, JSON, lst; round trips; errors that name row, column or pointer."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepaudio import script
from deepaudio.errors import InputError
from deepaudio.script import Line, emit
from deepaudio.script.formats.table import read_lst

LISTS = Path(__file__).resolve().parents[2].parent / "shared" / "media" / "meta_lists"


def refused(text, kind):
    with pytest.raises(InputError) as error:
        script.read(text, format=kind)
    return error.value


def test_csv_with_all_columns():
    text = (
        "id,start,end,speaker,text,language,speed,dub\n"
        'a,0:01,2.5,MARA,"Hello,\nyou",en,1.2,yes\n\nb,,,TOM,"Say ""hi"".",,,no\n'
    )
    first, second = script.read(text, format="csv").lines
    assert first == Line("a", 1.0, 2.5, "MARA", "Hello, you", "en", 1.2, True)
    assert second == Line("b", None, None, "TOM", 'Say "hi".', None, 1.0, False)
    assert (first.row, second.row) == (2, 5)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter):
    text = f"start{delimiter}TEXT\n1{delimiter}Hi\n"
    assert script.read(text, format="csv").lines[0].start == 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("start,end\n1,2\n", "no column `text`"),
        ("start:text\n", "no column `text`"),
        ("text,text\na,b\n", "'text' is there twice"),
        ("start,text\n1\n", "line 2 has 1 cells"),
        ("start,text\n1,a,b\n", "line 2 has 3 cells"),
        ("start,end,text\nx,2,a\n", "line 2, cue 1, column start: 'x' is not a time"),
        ("speed,text\nfast,a\n", "column speed: 'fast' is not a number"),
        ("speed,text\n9,a\n", "speed is 9.0"),
        ("speed,text\nnan,a\n", "is not a number"),
        ("dub,text\nmaybe,a\n", "column dub"),
        ('text\n"open\n', "unexpected end of data"),
    ],
)
def test_bad_csv_names_row_and_column(text, words):
    assert words in refused(text, "csv").message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"schema": 2, "lines": []}', "/schema: is 2"),
        ('{"schema": null, "lines": []}', "/schema: is None"),
        ('{"line": []}', "/lines: a list"),
        ('{"schema": 1}', "/lines: a list"),
        ('{"schema": 1, "lines": [{"text": "a"}, 5]}', "/lines/1: an object"),
        ('{"schema": 1, "lines": [{"text": "a", "start": NaN}]}', "NaN is not a number"),
        ('{"schema": 1, "lines": [{"text": "a", "start": 1e999}]}', "inf"),
        ('{"schema": 1, "lines": [{"text": "a", "text": "b"}]}', "'text' is there twice"),
        ('{"schema": 1, "lines": [{"text": "a", "start": true}]}', "/lines/0/start: bool"),
        ('{"schema": 1, "lines": [{"text": 7}]}', "/lines/0/text: int"),
        ('{"schema": 1, "lines": [{"start": 1}]}', "/lines/0: no text"),
        ('[{"text": "a", "start": 5, "end": 4}]', "/0: cue 1: ends at 4.000 s"),
        ('[{"text": "a", "start": ' + "9" * 5000 + "}]", "is not a number"),
        ('[{"text": "a"},]', "line 1, column"),
        ("[" * 10_000, "nested deeper"),
    ],
)
def test_bad_json_names_the_place(text, words):
    assert words in refused(text, "json").message


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30
)
names = st.text("abcdefgXYZ", min_size=1, max_size=8)


@st.composite
def some_lines(draw):
    count = draw(st.integers(1, 6))
    times = sorted(
        draw(st.lists(st.integers(0, 10**6), min_size=2 * count, max_size=2 * count, unique=True))
    )
    made = []
    for number in range(count):
        start, end = (t / 10 for t in times[2 * number : 2 * number + 2])
        text = "x" + draw(texts).replace("[", "(").replace("♪", "").replace("♫", "").replace(
            "♬", ""
        ).replace("<", "")
        made.append(
            Line(str(number), start, end, draw(st.none() | names), text, draw(st.none() | names),
                 draw(st.sampled_from([0.5, 1.0, 1.25, 2.0])), draw(st.booleans()))
        )  # fmt: skip
    return made


@settings(max_examples=80, deadline=None)
@given(some_lines())
def test_what_is_emitted_is_read_back(lines):
    found = script.read(emit.to_json(lines, clip="a.mp4"), format="json")
    normal = [Line(**{**vars(x), "text": script.clean.normalised(x.text).text}) for x in lines]
    assert list(found.lines) == normal


def test_emitted_json_is_plain_json_with_all_fields():
    document = json.loads(emit.to_json([Line("1", 1.23456, None, None, "Hi")]))
    assert document["schema"] == 1
    assert document["lines"][0] == {
        "id": "1", "start": 1.235, "end": None, "speaker": None, "text": "Hi", "language": None,
        "speed": 1.0, "dub": True, "mood": None,
    }  # fmt: skip


@pytest.mark.parametrize("text", ['{"lines": [{"text": "Hi."}]}', '[{"text": "Hi."}]'])
def test_json_by_hand_needs_no_version(text):
    (line,) = script.read(text).lines
    assert line.text == "Hi."


def test_lst():
    row = "a/ref.wav\ta/ref.mp4\tWhat was said.\ta/target.wav\tNone\tWhat to say."
    (line,) = script.read(row + "\n", format="lst").lines
    assert (line.id, line.text) == ("target.wav", "What to say.")
    assert read_lst(row)[0][1].reference_text == "What was said."
    assert "line 2: 2 tab-separated fields" in refused(row + "\na\tb\n", "lst").message


@pytest.mark.skipif(not LISTS.is_dir(), reason="no folder with real lists beside the repository")
def test_real_six_column_list():
    (path,) = LISTS.glob("*cross_sentence.lst")
    assert len(script.read(path).lines) == 1127
