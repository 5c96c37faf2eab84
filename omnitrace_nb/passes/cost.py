"""What passes have cost: counted, so that a result can say it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Cost:
    """Forwards and backwards of the language model, and positions pushed through it.

    A batch of `b` sequences of `q` positions is `b` forwards and `b * q` tokens; positions whose keys and values were
    taken from a cache are not counted.
    """

    forwards: int = 0
    backwards: int = 0
    tokens: int = 0

    def add(self, *, forwards: int = 0, backwards: int = 0, tokens: int = 0) -> None:
        """Count some more."""
        self.forwards += forwards
        self.backwards += backwards
        self.tokens += tokens

    def since(self, before: Cost) -> dict[str, int]:
        """Give what was spent since a copy was taken; only what is not 0."""
        spent = {
            "forwards": self.forwards - before.forwards,
            "backwards": self.backwards - before.backwards,
            "tokens": self.tokens - before.tokens,
        }
        return {name: count for name, count in spent.items() if count}
