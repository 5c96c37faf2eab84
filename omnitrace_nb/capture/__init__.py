"""Reading a model while it decodes: the attention wrapper, the decoding loop, passes over the finished response."""

from omnitrace_nb.capture.decoding import decode
from omnitrace_nb.capture.passes import run_passes
from omnitrace_nb.capture.result import Decode
from omnitrace_nb.capture.signal import Signal, Step
from omnitrace_nb.capture.teacher import TeacherForced

__all__ = ["Decode", "Signal", "Step", "TeacherForced", "decode", "run_passes"]
