"""Draw examples/clip.mp4: a face that says the two lines of lines.txt, then a ball that falls and bounces. Silent.

    python examples/make_clip.py

Beside it clip.json keeps what is true of the clip: when each line is spoken and when the ball touches the floor.
The mouth follows the package's own teacher voice; the sound itself is not kept.
"""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from deepaudio.data.synthetic.draw import FINE, Pen
from deepaudio.data.synthetic.face import DrawnFace, Looks, mouth_track
from deepaudio.data.synthetic.falls import ball_height, bounces

HERE = Path(__file__).parent
SIZE, RATE = (480, 360), 25
STARTS = (0.6, 3.1)  # when the lines begin
CUT, END = 5.4, 8.6
FALL, HEIGHT, GRAVITY, RESTITUTION = 5.9, 0.58, 2.6, 0.68
FLOOR, RADIUS, PLACE = 0.86, 0.075, 0.42
LOOKS = Looks(
    skin=(225, 180, 150), hair=(90, 60, 35), shirt=(70, 105, 140), lips=(190, 95, 90), eye=(60, 90, 120),
    wide=0.75, mouth=0.4, hair_line=0.25, brow=0.016, beard=False,
)  # fmt: skip


def spoken(lines: list[str]) -> tuple[np.ndarray, list[tuple[float, float]], int]:
    """The teacher's speech on the time of the clip, when each line lies, and its rate."""
    from hibari import Hibari

    teacher = Hibari()
    rate = int(teacher.sample_rate)
    track, times = np.zeros(round(CUT * rate), dtype=np.float32), []
    for start, line in zip(STARTS, lines, strict=True):
        sound = np.asarray(teacher(line, seed=0), dtype=np.float32).reshape(-1)
        heard = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
        sound = sound[heard[0] : heard[-1]]
        at = round(start * rate)
        sound = sound[: len(track) - at]
        track[at : at + len(sound)] = sound
        times.append((start, round(start + len(sound) / rate, 3)))
    return track, times, rate


def pictures(face: DrawnFace, touches: list[tuple[float, float]]):
    """Every frame as (height width 3) uint8."""
    large = (SIZE[0] * FINE, SIZE[1] * FINE)
    wall = Image.fromarray(np.array([[[196, 206, 214]], [[160, 174, 186]]], np.uint8)).resize(
        large, Image.Resampling.BICUBIC
    )
    room = Image.fromarray(np.array([[[214, 206, 190]], [[188, 178, 160]]], np.uint8)).resize(
        large, Image.Resampling.BICUBIC
    )
    for index in range(round(END * RATE)):
        seconds = index / RATE
        if seconds < CUT:
            image = wall.copy()
            face.draw(image, seconds)
        else:
            image = room.copy()
            pen = Pen(image, (120, 95, 75))
            pen.floor(FLOOR)
            h = ball_height(seconds, FALL, HEIGHT, GRAVITY, touches)
            pen.ellipse(PLACE, FLOOR + 0.012, RADIUS * (1 - 0.5 * h), 0.012, (95, 74, 58))
            pen.thing("ball", PLACE, FLOOR - RADIUS - h, RADIUS, (205, 60, 45))
        yield np.asarray(image.resize(SIZE, Image.Resampling.BOX))


def main() -> None:
    lines = (HERE / "lines.txt").read_text().split("\n")[: len(STARTS)]
    speech, times, rate = spoken(lines)
    touches = bounces(FALL, HEIGHT, GRAVITY, RESTITUTION, END + 3)
    face = DrawnFace(LOOKS, mouth_track(speech, rate), seed=3, size=0.72, centre=(0.5, 0.47))
    with av.open(str(HERE / "clip.mp4"), "w", options={"movflags": "+faststart"}) as clip:
        stream = clip.add_stream("libx264", rate=RATE, options={"crf": "24", "preset": "slow"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, RATE)
        for picture in pictures(face, touches):
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        clip.mux(stream.encode())
    truth = {
        "lines": times,
        "bounces": [round(float(t), 3) for t, _ in touches if t < END],
        "prompt": "a rubber ball bounces",
    }
    (HERE / "clip.json").write_text(json.dumps(truth) + "\n")


if __name__ == "__main__":
    main()
