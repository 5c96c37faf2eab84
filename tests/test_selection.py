"""What can be selected in a view, from Python."""

import pytest
from traces import NOTE, make_trace

from omnitrace_nb import view
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.view.selection import check_selection


@pytest.fixture(scope="module")
def model():
    return view.model(make_trace())


@pytest.mark.parametrize(
    "selection",
    [
        None,
        {"steps": [2, 5]},
        {"source": 3},
        {"part": 3, "time": [0.5, 1.5]},
        {"part": 1, "box": [10.0, 20.0, 30.5, 40.0]},
        {"part": 0, "chars": [0, 7]},
    ],
)
def test_each_form_is_kept_as_it_is(model, selection):
    assert check_selection(selection, model) == selection


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        ({"steps": [5, 2]}, "no range"),
        ({"source": 99}, "no source"),
        ({"part": 0, "time": [0, 1]}, "no time"),
        ({"part": 0, "box": [0, 0, 1, 1]}, "no picture"),
        ({"part": 1, "chars": [0, 1]}, "no text"),
        ({"part": 0, "chars": [0, len(NOTE) + 1]}, f"{len(NOTE)} characters"),
        ({"part": 0, "chars": [3, 3]}, "no part of"),
        ({"part": 0, "chars": ["a", "b"]}, "not usable"),
        ({"word": 1}, "not known"),
    ],
)
def test_what_is_not_there_is_refused_in_words(model, selection, says):
    with pytest.raises(SettingsError, match=says):
        check_selection(selection, model)
