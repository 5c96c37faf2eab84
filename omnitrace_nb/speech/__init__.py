"""Speech as sources: transcripts, their semantic chunks, recognisers that make them, and where somebody speaks."""

from omnitrace_nb.speech.activity import voice_activity
from omnitrace_nb.speech.chunks import semantic_chunks
from omnitrace_nb.speech.recognition import in_chunks, paraformer, pocketsphinx, scribe, whisper
from omnitrace_nb.speech.transcript import Segment, read_transcript

__all__ = [
    "Segment",
    "in_chunks",
    "paraformer",
    "pocketsphinx",
    "read_transcript",
    "scribe",
    "semantic_chunks",
    "voice_activity",
    "whisper",
]
