"""From generated ids to characters: each token's interval in the response, found from its own bytes.

The text is never tokenised again: a model may write the same text with other tokens than its tokenizer would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.errors import ModelError
from omnitrace_nb.trace.records import Response

if TYPE_CHECKING:
    from collections.abc import Sequence

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def align(
    token_bytes: Sequence[bytes],
    token_ids: Sequence[int] | np.ndarray,
    logprobs: Sequence[float] | np.ndarray,
    stopped: str,
) -> Response:
    r"""Join the bytes of `T` tokens into the response and find each token's characters.

    A token that holds part of a character gets the whole character's interval, so several tokens may share it. Bytes
    that are not UTF-8 become U+FFFD, by the rule of `bytes.decode(errors="replace")`. A token without bytes (a special
    token) gets an empty interval where it stands.

    Args:
        token_bytes: the exact bytes that each token writes.
        token_ids: `[T]`.
        logprobs: `[T]`, nats.
        stopped: "eos", "length", "stop", "interrupted" or "given".

    Raises:
        ModelError: the three sequences differ in length.

    Example:
        >>> align([b"caf", b"\xc3", b"\xa9"], [1, 2, 3], [0, 0, 0], "eos").chars.tolist()
        [[0, 3], [3, 4], [3, 4]]
    """
    if not len(token_bytes) == len(token_ids) == len(logprobs):
        raise ModelError(
            f"{len(token_bytes)} tokens' bytes, {len(token_ids)} ids and {len(logprobs)} log-probabilities were given; "
            "each generated token needs one of each. The adapter's `token_bytes` must give one entry an id."
        )
    text, char_of = _decode(b"".join(token_bytes))
    ends = np.cumsum([len(piece) for piece in token_bytes], dtype=np.int64)
    chars = np.zeros((len(token_bytes), 2), np.int32)
    for step, (piece, end) in enumerate(zip(token_bytes, ends.tolist(), strict=True)):
        start = end - len(piece)
        first = char_of[start] if start < len(char_of) else len(text)
        chars[step] = first, char_of[end - 1] + 1 if piece else first
    return Response(
        text=text,
        token_ids=np.asarray(token_ids, np.int64),
        tokens=tuple(_show(piece) for piece in token_bytes),
        chars=chars,
        logprobs=np.asarray(logprobs, np.float32),
        stopped=stopped,
    )


def _decode(data: bytes) -> tuple[str, list[int]]:
    """Decode bytes, and give the index of the character that each byte belongs to."""
    text: list[str] = []
    char_of: list[int] = []
    at = 0
    while at < len(data):
        try:
            good, bad = data[at:].decode(), b""
        except UnicodeDecodeError as error:
            good, bad = data[at : at + error.start].decode(), data[at + error.start : at + error.end]
        for char in good:
            char_of += [len(text)] * len(char.encode())
            text.append(char)
        if bad:
            char_of += [len(text)] * len(bad)
            text.append(REPLACEMENT)
        at = len(char_of)
    return "".join(text), char_of


def _show(piece: bytes) -> str:
    """Give a token's own text: whole characters as they are, lone bytes as `<0xE2>`."""
    shown = piece.decode(errors="surrogateescape")
    return "".join(f"<0x{ord(char) - 0xDC00:02X}>" if "\udc80" <= char <= "\udcff" else char for char in shown)
