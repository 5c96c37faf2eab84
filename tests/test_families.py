"""Every family passes the conformance kit, with a random model of its real class and its real processor."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from omnitrace_nb.conformance import check_adapter
from omnitrace_nb.models import adapt

FOLDER = Path(__file__).parent / "families"
FAMILIES = sorted(path.stem for path in FOLDER.glob("*.py"))


# The checks of where things are, which a prompt of other sizes examines anew.
PLACING = ["owners", "texts", "sentences", "patches", "seconds", "frames", "tracks", "embeddings"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_passes_every_check_that_concerns_it(family, media_dir):
    toy = import_module(f"families.{family}")
    adapter = adapt(*toy.make())
    report = check_adapter(adapter)
    assert report.passed, report
    not_applicable = set(report.loc[report["result"] == "n/a", "check"])
    assert not_applicable - {"half_precision"} == set(toy.NOT_APPLICABLE), report
    if hasattr(toy, "content"):
        report = check_adapter(adapter, toy.content(media_dir), checks=PLACING)
        assert report.passed, report
