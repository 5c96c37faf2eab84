"""Media: decoding and checking what the parts name, by Pillow and PyAV, in the user's own pixels and seconds.

`load` decodes a whole prompt before anything heavy runs, `record` keeps of each part what a trace shows, `labels`
names the parts.
"""

from __future__ import annotations

from omnitrace_nb.content.labels import labels
from omnitrace_nb.content.limits import LIMITS, Limits
from omnitrace_nb.media.load import load
from omnitrace_nb.media.loaded import Film, LoadedPart, Media, MediaNeeds, Picture, Sound
from omnitrace_nb.media.record import record

__all__ = [
    "LIMITS",
    "Film",
    "Limits",
    "LoadedPart",
    "Media",
    "MediaNeeds",
    "Picture",
    "Sound",
    "labels",
    "load",
    "record",
]
