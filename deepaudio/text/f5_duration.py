"""How long F5-TTS speaks: frames in proportion to UTF-8 bytes, and long texts in chunks that fit beside the reference."""

import re

_SHORT_BYTES = 10
_SHORT_SPEED = 0.3
_WINDOW_SECONDS = 22.0
_ENDS = re.compile(r"(?<=[;:,.!?])\s+|(?<=[；：，。！？])")


def n_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def closed(reference_text: str) -> str:
    """The reference text with an end: without one the model runs the reference into the new text."""
    text = reference_text.strip()
    if text.endswith("。"):
        return text
    return text + " " if text.endswith(".") else text + ". "


def speech_frames(
    reference_frames: int, reference_text: str, text: str, speed: float = 1.0, roomy: bool = True
) -> int:
    """Mel frames for `text` at the reference's pace (bytes per frame).

    Very short texts are given more room, as upstream does; not when `roomy` is off, for lines that have to fit a slot.
    Raises ValueError for an empty reference text or a speed that is not positive.
    """
    if not n_bytes(reference_text):
        raise ValueError("the pace of a reference without text is unknown")
    if speed <= 0:
        raise ValueError(f"speed must be positive, got {speed}")
    if roomy and n_bytes(text) < _SHORT_BYTES:
        speed = _SHORT_SPEED
    return int(reference_frames / n_bytes(reference_text) * n_bytes(text) / speed)


def chunk_bytes(reference_text: str, reference_seconds: float, speed: float = 1.0) -> int:
    """Bytes of text that, with the reference, fill the window the model was trained on."""
    room = max(1.0, _WINDOW_SECONDS - reference_seconds)
    return max(1, int(n_bytes(reference_text) / reference_seconds * room * speed))


def chunks(text: str, max_bytes: int) -> list[str]:
    """Text cut at phrase ends and packed greedily up to `max_bytes`; a longer phrase is cut at spaces, then letters."""
    if max_bytes < 1:
        raise ValueError(f"max_bytes must be at least 1, got {max_bytes}")
    packed: list[str] = []
    current = ""
    for phrase in _phrases(text, max_bytes):
        if current and n_bytes(current) + n_bytes(phrase) > max_bytes:
            packed.append(current.strip())
            current = ""
        current += phrase + " " if n_bytes(phrase[-1]) == 1 else phrase
    return [*packed, current.strip()] if current.strip() else packed


def _phrases(text: str, max_bytes: int) -> list[str]:
    whole = [phrase for phrase in _ENDS.split(text.strip()) if phrase]
    return [piece for phrase in whole for piece in _fitted(phrase, max_bytes)]


def _fitted(phrase: str, max_bytes: int) -> list[str]:
    if n_bytes(phrase) <= max_bytes:
        return [phrase]
    pieces, current = [], ""
    for word in re.findall(r"\S+\s*", phrase):
        if current and n_bytes(current + word.rstrip()) > max_bytes:
            pieces.append(current.rstrip())
            current = ""
        current += word
        while n_bytes(current.rstrip()) > max_bytes and len(current.rstrip()) > 1:
            cut = _longest_prefix(current, max_bytes)
            pieces.append(current[:cut])
            current = current[cut:]
    return [*pieces, current.rstrip()] if current.strip() else pieces


def _longest_prefix(text: str, max_bytes: int) -> int:
    size = 0
    for index, character in enumerate(text):
        size += n_bytes(character)
        if size > max_bytes:
            return max(1, index)
    return len(text)
