"""Models: one adapter a family turns parts into a model's inputs and says where each position comes from.

`load` gives the adapter of the embedded model, a folder, a hub id or a model in memory; `adapt` that of a model in
memory. Only this room knows a model family by name; docs/adapters.md says how to write an adapter, most of which is to
subclass `OpenModel` and say where in its part each position of a `Medium` lies (`Places`).
"""

from omnitrace_nb.models.adapter import Adapter, Encoded
from omnitrace_nb.models.loading import adapt, load
from omnitrace_nb.models.open_media import Medium, Places
from omnitrace_nb.models.open_model import OpenModel
from omnitrace_nb.models.registry import Family, register

__all__ = ["Adapter", "Encoded", "Family", "Medium", "OpenModel", "Places", "adapt", "load", "register"]
