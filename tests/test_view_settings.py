"""The settings of a view, as plain values: from either side, checked, and the table that follows from them."""

import re

import pandas as pd
import pytest
from traces import make_trace

from omnitrace_nb.curation import POS_WEIGHTS, CurationSettings
from omnitrace_nb.errors import SettingsError


@pytest.fixture(scope="module")
def trace():
    return make_trace()


def test_they_are_the_traces_own_until_they_are_changed(trace):
    view = trace.view()
    assert view.settings == {
        "assign": "sum", "coverage": 0.85, "p_min": 0.07, "run_min": 0.1, "alpha": 0.8, "gamma": 2.0,
        "weights": dict(POS_WEIGHTS), "question": True,
    }  # fmt: skip
    assert not view.playground
    other = make_trace(curation=CurationSettings(gamma=1.0)).view(playground=True)
    assert other.settings["gamma"] == 1.0
    assert other.playground


def test_some_may_be_set_alone_and_spans_follow_signal_and_settings(trace):
    view = trace.view(signal="attmean", settings={"gamma": 0.5})
    view.settings = {"coverage": 0.2, "question": False}
    assert view.settings["gamma"] == 2.0  # what is not named is the trace's own
    for signal in trace.signals:
        view.signal = signal
        spans = trace.curate(coverage=0.2, question=False)
        pd.testing.assert_frame_equal(view.spans, spans[spans["signal"] == signal].reset_index(drop=True))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"gamma": 99}, "gamma=99 is not usable; give a number from 0 to 64"),
        ({"gama": 1}, "'gama' is no curation setting; there are assign"),
        ({"weights": {"NOUN": -1}}, r"weights\['NOUN'\]=-1 is not usable"),
    ],
)
def test_what_has_no_meaning_is_refused_from_either_side_and_nothing_changes(trace, wrong, words):
    view, heard = trace.view(), []
    view.observe(heard.append, names=["settings", "pinned"])
    before = view.settings
    with pytest.raises(SettingsError, match=words):
        view.settings = wrong
    with pytest.raises(SettingsError, match=words):
        view.set_state({"pinned": 1, "settings": wrong})
    assert re.search(words, view.error)  # shown under the view
    assert (view.settings, view.pinned, heard) == (before, None, [])
    view.set_state({"settings": {"gamma": 3}})  # a browser sends whole numbers without a point
    assert (view.error, view.settings["gamma"]) == ("", 3.0)


def test_observers_hear_of_changes_only(trace):
    view, heard = trace.view(), []
    view.observe(lambda change: heard.append(change["new"]["gamma"]), names="settings")
    view.set_state({"settings": {**view.settings, "gamma": 1}})
    view.set_state({"settings": {**view.settings, "gamma": 1}})
    assert heard == [1.0]
