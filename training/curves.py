"""Draw the curves of a training: `python -m training.curves` makes `curves.svg` from `curves.csv`."""

from pathlib import Path

import altair as alt
import pandas as pd

HERE = Path(__file__).parent
SHOWN = ("loss", "fact", "fact order", "picture", "place", "sound", "scene", "film sound", "compare", "summary")


def chart(curves: pd.DataFrame) -> alt.FacetChart:
    """Loss, and the share of answers exactly right by kind of question, over the optimiser's steps."""
    shown = curves[curves["what"].isin(SHOWN)]
    lines = (
        alt.Chart(shown)
        .mark_line(color="#4269d0")
        .encode(x=alt.X("step:Q"), y=alt.Y("value:Q", title=None, scale=alt.Scale(domainMin=0)))
    )
    return (
        lines.properties(width=150, height=90)
        .facet(alt.Facet("what:N", title=None, sort=list(SHOWN)), columns=5)
        .resolve_scale(y="independent")
    )


def main() -> None:
    """Write `curves.svg` (altair needs `vl-convert-python` for it)."""
    chart(pd.read_csv(HERE / "curves.csv")).save(HERE / "curves.svg")


if __name__ == "__main__":
    main()
