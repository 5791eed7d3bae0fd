"""The knowledge pool: contours of a clip, handed to M_tts by the gate's choice."""

import torch

from deepaudio.models.mof.gate import DIRECTIONS
from deepaudio.models.mof.knowledge import EMPTY, Knowledge, hand_over


def test_the_pool_is_handed_over_for_speech_to_a_video_alone():
    pool = Knowledge(torch.ones(4), torch.zeros(4))
    given = {direction: hand_over(direction, pool) for direction in DIRECTIONS}
    assert given == {"v2a": EMPTY, "v2s": pool, "tts": EMPTY}


def test_a_part_is_silent_outside_of_the_clip():
    pool = Knowledge(torch.arange(1.0, 5.0))
    assert pool.part(1, 2).energy.tolist() == [2, 3] and pool.part(1, 2).pitch is None
    assert pool.part(-2, 4).energy.tolist() == [0, 0, 1, 2]
    assert pool.part(3, 3).energy.tolist() == [4, 0, 0]
