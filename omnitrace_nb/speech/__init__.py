"""Speech as sources: transcripts, their semantic chunks, and where somebody speaks."""

from omnitrace_nb.speech.chunks import semantic_chunks
from omnitrace_nb.speech.transcript import Segment, read_transcript

__all__ = ["Segment", "read_transcript", "semantic_chunks"]
