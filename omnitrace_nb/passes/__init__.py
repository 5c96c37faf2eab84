"""Passes over a finished run: teacher forcing, batches, and whatever scores a response that is already there."""

from omnitrace_nb.passes.batches import run_passes, watched
from omnitrace_nb.passes.cost import Cost
from omnitrace_nb.passes.finished import Finished, Per
from omnitrace_nb.passes.scoring import Scored, score, told_apart
from omnitrace_nb.passes.teacher import TeacherForced

__all__ = ["Cost", "Finished", "Per", "Scored", "TeacherForced", "run_passes", "score", "told_apart", "watched"]
