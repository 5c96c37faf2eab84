"""Live traces in a real kernel: what its front ends receive, and what they send while a cell runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).parent.parent
WIDGET = "application/vnd.jupyter.widget-view+json"
SLOW = """
import time, ipywidgets, omnitrace_nb as ot
tracer = ot.load(device="cpu")
slider, seen = ipywidgets.IntSlider(), []
slider.observe(lambda change: seen.append(("slider", change["new"])), names="value")
def slowly(_ids, scores):
    time.sleep(0.05)
    return scores
question = ["Mia sells honey. Hugo sells clocks.", "Tell everything."]
slider
"""


class Notebook:
    """A kernel and its messages."""

    def __init__(self, manager, client):
        """Take both."""
        self.manager, self.client = manager, client
        self.comms = {}

    def start(self, code):
        """Run a cell; give the id of the request."""
        return self.client.execute(code)

    def messages(self, request, until="idle"):
        """Give the messages of a cell until it is done, or until one of a type."""
        found = []
        end = time.monotonic() + 120
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "comm_open":
                self.comms[content["comm_id"]] = content
            if kind == "status" and content["execution_state"] == "idle":
                return found
            found.append(message)
            if kind == until:
                return found
        raise TimeoutError(found)

    def run(self, code):
        """Run a cell to its end."""
        return self.messages(self.start(code))

    def send(self, comm, **data):
        """Send what a front end sends to a widget."""
        content = {"comm_id": comm, "data": data}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def value(self, expression):
        """Give the value of an expression."""
        said = self.run(f"print({expression})")
        return "".join(each["content"]["text"] for each in said if each["msg_type"] == "stream").strip()


@pytest.fixture(scope="module")
def notebook():
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    manager, client = start_new_kernel(
        startup_timeout=120, kernel_name="python3", env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    )
    notebook = Notebook(manager, client)
    notebook.run(SLOW)
    yield notebook
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def shown(messages):
    """Give the model of each view that was displayed, in order, and the last of what each output holds."""
    views = [each for each in messages if each["msg_type"] == "display_data" and WIDGET in each["content"]["data"]]
    kept = {}
    for each in messages:
        if each["msg_type"] in {"display_data", "update_display_data"} and WIDGET in each["content"]["data"]:
            kept[each["content"]["data"][WIDGET]["model_id"]] = each["content"]["data"]
    return [each["content"]["data"][WIDGET]["model_id"] for each in views], kept


def updates(messages, comm, trait):
    """Give the values that a trait took in the front end."""
    states = [
        each["content"]["data"]["state"]
        for each in messages
        if each["msg_type"] == "comm_msg"
        and each["content"]["comm_id"] == comm
        and each["content"]["data"].get("method") == "update"
    ]
    return [state[trait] for state in states if trait in state]


def test_two_traces_in_one_cell_have_a_view_each_that_ends_with_the_whole_trace(notebook):
    code = "".join(
        f"{name} = tracer.trace(question, live=True, max_new_tokens={count}, logits_processor=[slowly])\n"
        for name, count in (("first", 12), ("second", 20))
    )
    messages = notebook.run(code)
    models, kept = shown(messages)
    assert len(models) == len(set(models)) == 2
    for model, name in zip(models, ("first", "second"), strict=True):
        told = updates(messages, model, "live")
        assert [each["running"] for each in told] == [*[True] * (len(told) - 1), False]
        counts = [each["steps"] for each in told]
        assert counts == sorted(counts)
        assert counts[-1] == int(notebook.value(f"len({name})"))
        assert "of at most" in told[-2]["words"]
        # What a reopened notebook shows is the finished trace.
        response = notebook.value(f"{name}.response")
        assert response.split(".")[0] in kept[model]["text/plain"]
        assert response.split(".")[0] in kept[model]["text/html"]


def test_as_a_cells_last_line_a_live_trace_is_not_shown_twice(notebook):
    messages = notebook.run("tracer.trace(question, live=True, max_new_tokens=3)")
    [result] = [each["content"]["data"] for each in messages if each["msg_type"] == "execute_result"]
    assert set(result) == {"text/plain"}
    assert result["text/plain"].startswith("<Trace by embedded")
    assert len(shown(messages)[0]) == 1
    messages = notebook.run("_")
    [result] = [each["content"]["data"] for each in messages if each["msg_type"] == "execute_result"]
    assert WIDGET in result


def test_a_stop_reaches_the_running_cell_and_all_else_waits_in_its_order(notebook):
    slider = next(comm for comm, each in notebook.comms.items() if "IntSlider" in str(each["data"]["state"]))
    running = notebook.start(
        "trace = tracer.trace(question, live=True, max_new_tokens=400, min_new_tokens=400, logits_processor=[slowly])\n"
        "seen.append('traced')"
    )
    model = next(iter(reversed(shown(notebook.messages(running, until="display_data"))[0])))
    notebook.send(slider, method="update", state={"value": 7}, buffer_paths=[])
    after = notebook.start("seen.append('next cell')")
    notebook.send(slider, method="update", state={"value": 8}, buffer_paths=[])
    notebook.send(model, method="update", state={"signal": "attmean"}, buffer_paths=[])
    notebook.send(model, method="custom", content={"type": "stop"})
    began = time.monotonic()
    messages = notebook.messages(running)
    assert time.monotonic() - began < 10  # not the 20 s that 400 tokens take at least
    assert updates(messages, model, "live")[-1]["running"] is False
    assert not [each for each in messages if each["msg_type"] == "error"]
    notebook.messages(after)
    assert int(notebook.value("len(trace)")) < 400
    assert notebook.value("trace.response_record.stopped") == "interrupted"
    seen = notebook.value("seen")
    assert seen.index("traced") < seen.index("next cell")
    assert seen.index("('slider', 7)") < seen.index("('slider', 8)")
    assert "(" not in seen[: seen.index("traced")]


def test_interrupting_the_kernel_does_the_same(notebook):
    running = notebook.start(
        "trace = tracer.trace(question, live=True, max_new_tokens=400, min_new_tokens=400, logits_processor=[slowly])"
    )
    model = shown(notebook.messages(running, until="display_data"))[0][-1]
    found = []
    while not any(each["steps"] for each in updates(found, model, "live")):
        found += notebook.messages(running, until="comm_msg")
    notebook.manager.interrupt_kernel()
    messages = notebook.messages(running)
    assert not [each for each in messages if each["msg_type"] == "error"]
    assert updates(messages, model, "live")[-1]["running"] is False
    assert 0 < int(notebook.value("len(trace)")) < 400
    assert notebook.value("trace.response_record.stopped") == "interrupted"


def test_an_error_in_the_decode_is_said_in_the_view(notebook):
    messages = notebook.run(
        "def broken(_ids, scores):\n    raise RuntimeError('the weights are on holiday')\n"
        "tracer.trace(question, live=True, logits_processor=[broken])"
    )
    [error] = [each for each in messages if each["msg_type"] == "error"]
    assert error["content"]["ename"] == "SettingsError"
    [model], _ = shown(messages)
    assert updates(messages, model, "live")[-1] == {
        "running": False,
        "steps": 0,
        "most": 400,
        "words": "There is no trace: SettingsError: generate refuses these settings (logits_processor): "
        "the weights are on holiday",
    }
    assert notebook.value("len(tracer.trace(question, max_new_tokens=3, progress=False))") == "3"


def test_in_static_mode_the_finished_form_alone_is_shown(notebook):
    messages = notebook.run(
        "with ot.display('static'):\n    trace = tracer.trace(question, live=True, max_new_tokens=9)"
    )
    [output] = [each["content"]["data"] for each in messages if each["msg_type"] == "display_data"]
    assert set(output) == {"text/plain", "text/html"}
    assert notebook.value("trace.response").split(".")[0] in output["text/html"]


def test_from_another_thread_the_kernel_hears_the_stop_itself(notebook):
    messages = notebook.run(
        "import threading\n"
        "work = threading.Thread(target=lambda: seen.append(tracer.trace(question, live=True, max_new_tokens=400, "
        "min_new_tokens=400, logits_processor=[slowly])))\n"
        "work.start()\ntime.sleep(2)"
    )
    [model], _ = shown(messages)
    notebook.send(model, method="custom", content={"type": "stop"})
    notebook.run("work.join()")
    assert 0 < int(notebook.value("len(seen[-1])")) < 400
