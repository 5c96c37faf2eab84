"""Content: what a user may write as a prompt, and how it becomes parts.

`as_parts` accepts every form (parts, strings, paths, pictures, arrays, chat messages, the paper's samples), `as_chat`
tells the messages of a chat too,
`read_samples` reads the paper's sample files, `LIMITS` says how large a prompt may be.
"""

from __future__ import annotations

from omnitrace_nb.content.accept import as_chat, as_parts
from omnitrace_nb.content.chat import Chat
from omnitrace_nb.content.check import check
from omnitrace_nb.content.labels import labels
from omnitrace_nb.content.limits import LIMITS, Limits
from omnitrace_nb.content.parts import Audio, Image, Part, Role, Text, Video
from omnitrace_nb.content.samples import Sample, read_samples

__all__ = [
    "LIMITS",
    "Audio",
    "Chat",
    "Image",
    "Limits",
    "Part",
    "Role",
    "Sample",
    "Text",
    "Video",
    "as_chat",
    "as_parts",
    "check",
    "labels",
    "read_samples",
]
