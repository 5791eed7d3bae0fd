"""AV-align: share of matched peaks of audio onsets and of picture motion (TempoTokens)."""

from collections.abc import Sequence

TITLE = "AV-align"
NEEDS = ("output_onsets", "video_motion")
BETTER = "higher"
TASKS = ("v2a",)
MOTION_FLOOR = 0.1


def compute(output_onsets: Sequence[float], video_motion: tuple[Sequence[float], float]) -> float:
    """Matched over all peaks; `video_motion` is (mean flow magnitude per frame, frames per second).

    Every onset takes the first free motion peak nearer than one frame. No peaks at all: 0.
    """
    flow, frame_rate = video_motion
    return matched_share(output_onsets, motion_peaks(flow, frame_rate), frame_rate)


def motion_peaks(flow: Sequence[float], frame_rate: float) -> list[float]:
    """Seconds of the strict local maxima of the flow that reach MOTION_FLOOR."""
    return [
        i / frame_rate
        for i in range(1, len(flow) - 1)
        if flow[i - 1] < flow[i] > flow[i + 1] and flow[i] >= MOTION_FLOOR
    ]


def matched_share(onsets: Sequence[float], peaks: Sequence[float], frame_rate: float) -> float:
    """Intersection over union of two lists of times in seconds."""
    free = list(peaks)
    matched = 0
    for onset in onsets:
        near = next((peak for peak in free if abs(onset - peak) < 1 / frame_rate), None)
        if near is not None:
            free.remove(near)
            matched += 1
    union = len(onsets) + len(peaks) - matched
    return matched / union if union else 0.0
