"""What the widgets have in common: their script and style, and what becomes of a change that a front end sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from omnitrace_nb.errors import OmnitraceError

STATIC = Path(__file__).parent.parent / "static"


class LinkedWidget(anywidget.AnyWidget):
    """A widget whose values are set from either side; `error` is shown under it, in words.

    Attributes:
        error: why the last change from the front end was refused, or what an observer of yours raised; "" without one.
    """

    _esm = STATIC / "widget.js"
    _css = STATIC / "widget.css"
    _checked: ClassVar[frozenset[str]] = frozenset()  # names of what a front end may set, each with its `_valid_...`

    error = traitlets.Unicode(read_only=True).tag(sync=True)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the front end changed; an error in an observer or a refusal is shown under the view in words."""
        try:
            # Before anything is set: of values set together, traitlets keeps one that our own errors refuse.
            for name in self._checked & sync_data.keys():
                received = self.trait_metadata(name, "from_json", self._trait_from_json)(sync_data[name], self)
                getattr(self, f"_valid_{name}")({"value": received})
            super().set_state(sync_data)
        except Exception as error:
            self.set_trait("error", _words(error))
            self.send_state(list(sync_data))
            raise
        self.set_trait("error", "")


def _words(error: Exception) -> str:
    said = str(error) or "no reason given"
    return said if isinstance(error, OmnitraceError) else f"{type(error).__name__} in Python: {said}"
