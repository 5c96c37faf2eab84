"""The originals of pictures, sounds and films: sent to a front end one at a time, when someone plays or zooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omnitrace_nb.media import Picture
    from omnitrace_nb.view.viewmodel import ViewModel

MOST = 64_000_000  # bytes; notebooks' connections and browsers' memory are meant for less
SHOWN = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_PLAYED, _MOST_PLAYED = 10.0, 600  # frames of an animated picture that is played: a second, and at most
LONGEST = 2048  # pixels, of pictures that browsers would not show


def answer(model: ViewModel, question: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Answer `{"type": "media", "part": i}` with what it is and one buffer, or with the reason why there is none."""
    index = question.get("part")
    said: dict[str, Any] = {"type": "media", "part": index, "mime": "", "error": None}
    part = model.parts[index] if isinstance(index, int) and 0 <= index < len(model.parts) else None
    if part is None or part.media is None:
        return {**said, "error": "this trace does not keep its original"}, []
    if part.media.bytes > MOST:
        return {**said, "error": f"{part.media.bytes / 1e6:.0f} MB are too many to send to a browser"}, []
    data, mime = model.originals[part.index], part.media.mime
    if part.kind == "image" and mime not in SHOWN:
        try:
            data, mime = _as_webp(data), "image/webp"
        except (OSError, ValueError) as error:
            return {**said, "error": f"the picture cannot be read: {error}"}, []
    if part.kind == "video" and mime.startswith("image/"):
        playable = _as_webm(data)
        if playable is None:
            return {**said, "error": "this animated picture is too large to be played"}, []
        data, mime = playable, "video/webm"
    return {**said, "mime": mime}, [data]


def _as_webm(data: bytes) -> bytes | None:
    """Encode an animated picture that was read as a film: browsers' players do not play it."""
    from omnitrace_nb.content import Video  # noqa: PLC0415 (decoding is wanted only here)
    from omnitrace_nb.media import MediaNeeds, encode, load  # noqa: PLC0415
    from omnitrace_nb.media.loaded import Film  # noqa: PLC0415

    film = load([Video(data)], MediaNeeds(fps=_PLAYED, max_frames=_MOST_PLAYED))[0].content
    return encode.webm(film) if isinstance(film, Film) else None


def _as_webp(data: bytes) -> bytes:
    from omnitrace_nb.content import Image  # noqa: PLC0415 - decoders are loaded only when somebody looks
    from omnitrace_nb.media import encode, load  # noqa: PLC0415

    (loaded,) = load([Image(data, max_pixels=LONGEST**2)])
    return encode.webp(cast("Picture", loaded.content).pixels, LONGEST)
