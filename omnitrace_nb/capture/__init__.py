"""Reading a model while it decodes: the attention wrapper and the decoding loop."""

from omnitrace_nb.capture.decoding import decode
from omnitrace_nb.capture.result import Decode
from omnitrace_nb.capture.signal import Control, Signal, Step

__all__ = ["Control", "Decode", "Signal", "Step", "decode"]
