"""A trace that is shown while it is made: the same trace, at a bounded cost, with a stop that keeps what is there."""

from __future__ import annotations

import re
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omnitrace_nb as ot
from omnitrace_nb import live, models, view
from omnitrace_nb.cli import main
from omnitrace_nb.curation import ASSIGNMENTS
from omnitrace_nb.view.live import Display, TerminalDisplay

INTERVAL, SHARE = live.INTERVAL, live.SHARE
PROMPT = ["Mia sells honey. Hugo sells clocks.", "Who sells clocks?"]
ONLINE = ["attmean", "excess", "attgrads"]
SIGNALS = [*ONLINE, ot.signals.get("attmean") | ot.controls.per_token, "leave_one_out"]
SHORT = {"max_new_tokens": 9, "min_new_tokens": 9, "progress": False}


class _Watching(Display):
    """A display that keeps what it is told, and asks for a stop after so many tokens, or by itself."""

    def __init__(self, stop_after=None):
        self.traces, self.told, self.finished, self.failed = [], [], None, None
        self.stop_after, self.stop = stop_after, threading.Event()
        self.tokens = 0

    def begin(self, trace, most):
        self.traces.append(trace)
        self.told.append(most)

    def grow(self, trace):
        self.traces.append(trace)

    def score(self, signals):
        self.told.append(list(signals))

    def asked(self):
        self.tokens += 1
        return self.stop.is_set() or self.tokens == self.stop_after

    def finish(self, trace):
        self.finished = trace

    def fail(self, words):
        self.failed = words


@pytest.fixture(scope="module")
def tracer(toy_text):
    return ot.Tracer(models.adapt(*toy_text))


@pytest.fixture
def shown(monkeypatch):
    """Show runs on a `_Watching`, after every token."""

    def use(display=None, interval=0.0, share=1.0):
        display = display or _Watching()
        monkeypatch.setattr("omnitrace_nb.view.live.display_here", lambda: display)
        monkeypatch.setattr(live, "INTERVAL", interval)
        monkeypatch.setattr(live, "SHARE", share)
        return display

    return use


def assert_same(trace, other, steps=None):
    steps = len(other) if steps is None else steps
    assert trace.response_record.token_ids.tolist() == other.response_record.token_ids[:steps].tolist()
    np.testing.assert_array_equal(trace.response_record.logprobs, other.response_record.logprobs[:steps])
    for name in trace.signals:
        np.testing.assert_array_equal(trace.scores(name), other.scores(name)[:steps])


@pytest.mark.parametrize("sampling", [{}, {"do_sample": True, "seed": 3}])
def test_the_trace_is_the_same_with_and_without_live(tracer, shown, sampling):
    whole = tracer.trace(PROMPT, SIGNALS, **SHORT, **sampling)
    display = shown()
    trace = tracer.trace(PROMPT, SIGNALS, live=True, **SHORT, **sampling)
    assert_same(trace, whole)
    assert trace.signals == whole.signals
    assert trace.run.signals == whole.run.signals
    assert display.finished is trace
    assert display.told == [9, ["attmean|per_token", "leave_one_out"]]
    assert trace.run.seconds["live"] > 0
    assert "live" not in whole.run.seconds


def test_each_partial_trace_is_a_trace_of_the_first_tokens_with_the_signals_that_are_there(tracer, shown):
    display = shown()
    whole = tracer.trace(PROMPT, SIGNALS, live=True, **SHORT)
    assert [len(each) for each in display.traces] == list(range(9))
    for trace in display.traces:
        assert trace.signals == tuple(ONLINE)
        assert trace.response_record.stopped == "running"
        assert_same(trace, whole, len(trace))
        assert whole.response.startswith(trace.response.rstrip("\N{REPLACEMENT CHARACTER}"))
        for name in ONLINE:
            for assign in ASSIGNMENTS:
                np.testing.assert_array_equal(trace.mass(name, assign), whole.mass(name, assign)[: len(trace)])


def test_a_partial_trace_has_every_form(tracer, shown, tmp_path):
    display = shown()
    tracer.trace(PROMPT, ONLINE, live=True, **SHORT)
    for trace in (display.traces[0], display.traces[4]):
        assert len(trace.steps) == len(trace)
        assert set(trace.spans["signal"]) <= set(ONLINE)
        assert trace.budget is not None
        assert trace.curate(gamma=1.0) is not None
        assert view.text(trace)
        assert view.static_html(trace)
        assert "<html" in trace.to_html()
        assert trace.to_dict()["response"]["stopped"] == "running"
        assert_same(ot.open(trace.save(tmp_path / "partial")), trace)


def test_masses_that_one_partial_trace_worked_out_are_taken_over_by_the_next(tracer, shown):
    class Asking(_Watching):
        def grow(self, trace):
            super().grow(trace)
            self.masses = {rule: trace.mass("attmean", rule) for rule in ("sum", "peak")}

    display = shown(Asking())
    whole = tracer.trace(PROMPT, ONLINE, live=True, **SHORT)
    for rule, mass in display.masses.items():
        np.testing.assert_array_equal(mass, whole.mass("attmean", rule)[: len(mass)])


@pytest.mark.parametrize("tokens", [1, 4])
def test_a_stop_after_some_tokens_gives_the_trace_of_those(tracer, shown, tokens):
    whole = tracer.trace(PROMPT, SIGNALS, **SHORT)
    display = shown(_Watching(stop_after=tokens))
    trace = tracer.trace(PROMPT, SIGNALS, live=True, **SHORT)
    assert len(trace) == tokens
    assert trace.response_record.stopped == "interrupted"
    for name in ONLINE:
        np.testing.assert_array_equal(trace.scores(name), whole.scores(name)[:tokens])
    assert trace.run.signals["leave_one_out"].items() >= {"steps": 0, "interrupted": True}.items()
    assert len(trace.statements) >= 1
    assert display.finished is trace
    assert display.failed is None


def test_a_stop_is_what_an_interrupt_is(tracer, shown):
    def interrupt(ids, scores):
        if ids.shape[1] == interrupted_at:
            raise KeyboardInterrupt
        return scores

    interrupted_at = len(tracer.trace(PROMPT, "attmean", **SHORT).layout) + 5
    shown(_Watching(stop_after=5))
    stopped = tracer.trace(PROMPT, SIGNALS, live=True, **SHORT)
    display = shown()
    interrupted = tracer.trace(PROMPT, SIGNALS, live=True, logits_processor=[interrupt], **SHORT)
    assert_same(stopped, interrupted)
    assert stopped.run.signals == interrupted.run.signals
    assert stopped.response_record.stopped == interrupted.response_record.stopped == "interrupted"
    assert display.finished is interrupted


def test_a_stop_may_come_from_another_thread(tracer, shown):
    display = shown()

    def slowly(_ids, scores):
        time.sleep(0.02)
        return scores

    click = threading.Timer(0.5, display.stop.set)
    click.start()
    trace = tracer.trace(PROMPT, "attmean", live=True, max_new_tokens=2000, progress=False, logits_processor=[slowly])
    assert trace.response_record.stopped == "interrupted"
    assert 0 < len(trace) < 200


def test_a_stop_while_passes_run_leaves_the_rest_of_them_out(tracer, shown):
    class DuringPasses(_Watching):
        def score(self, signals):
            super().score(signals)
            self.stop.set()

    display = shown(DuringPasses())
    trace = tracer.trace(PROMPT, ["attmean", "rollout", "leave_one_out"], live=True, **SHORT)
    assert len(trace) == 9
    assert trace.response_record.stopped != "interrupted"
    assert display.told == [9, ["rollout", "leave_one_out"]]
    for name in ("rollout", "leave_one_out"):
        assert trace.run.signals[name].items() >= {"steps": 0, "interrupted": True}.items()
    assert trace.mass("attmean").any()


def test_without_live_nothing_is_asked_or_built(tracer, monkeypatch):
    for name in ("Live", "watched"):
        monkeypatch.setattr(live, name, lambda *_: pytest.fail("something is shown"))
    assert len(tracer.trace(PROMPT, SIGNALS, **SHORT)) == 9


def test_what_goes_wrong_in_the_display_does_not_cost_the_run(tracer, shown):
    class Broken(_Watching):
        def grow(self, _trace):
            raise OSError("the front end is gone")

    whole = tracer.trace(PROMPT, SIGNALS, **SHORT)
    display = shown(Broken())
    with pytest.warns(RuntimeWarning, match="OSError: the front end is gone.*goes on without it") as told:
        trace = tracer.trace(PROMPT, SIGNALS, live=True, **SHORT)
    assert len(told) == 1
    assert_same(trace, whole)
    assert display.finished is trace

    class Deaf(_Watching):
        def asked(self):
            raise OSError("no such socket")

    shown(Deaf())
    with pytest.warns(RuntimeWarning, match="cannot hear its stop button.*no such socket.*interrupt the kernel"):
        assert_same(tracer.trace(PROMPT, SIGNALS, live=True, **SHORT), whole)


def test_a_run_that_breaks_off_is_not_shown_as_running(tracer, shown, monkeypatch):
    display = shown()

    def interrupt(_ids, _scores):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tracer.trace(PROMPT, live=True, logits_processor=[interrupt], **SHORT)
    assert display.failed == "interrupted before there was a token"
    display = shown()
    monkeypatch.setattr(tracer.adapter.model.lm_head, "forward", lambda _hidden: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tracer.trace(PROMPT, live=True, **SHORT)
    assert display.failed == "ZeroDivisionError: division by zero"
    assert display.finished is None


@given(
    token=st.floats(0.001, 2.0),
    costs=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=40),
    count=st.floats(0.0, 0.002),
)
def test_showing_takes_a_tenth_of_the_time_at_most_and_comes_at_most_every_third_of_a_second(token, costs, count):
    now = spent = 0.0
    begun, ended = [], []

    class Costly(Display):
        def grow(self, _trace):
            nonlocal now, spent
            assert spent <= 0.1 * now + 1e-9  # each update is paid for before the next one comes
            begun.append(now)
            cost = costs[len(begun) % len(costs)]
            now, spent = now + cost, spent + cost
            ended.append(now)

        def count(self, _steps):
            nonlocal now, spent
            now, spent = now + count, spent + count

    partial = SimpleNamespace(trace=lambda _steps: None)
    with live.Live(Costly(), partial, 1000, clock=lambda: now) as running:
        for step in range(1000):
            now += token
            running.decoded(range(step))
    assert running.seconds["live"] == pytest.approx(spent)
    assert all(after - before >= live.INTERVAL - 1e-9 for before, after in zip(ended, begun[1:], strict=False))


@given(token=st.floats(0.001, 0.5), once=st.floats(0.0, 0.5), each=st.floats(0.0, 0.02))
def test_updates_that_take_longer_and_longer_are_foreseen(token, once, each):
    now = spent = 0.0
    updates = 0

    class Lengthening(Display):
        def grow(self, steps):
            nonlocal now, spent, updates
            updates += 1
            cost = once + each * steps
            now, spent = now + cost, spent + cost
            assert updates <= 2 or spent <= 0.1 * now + 1e-9

    with live.Live(Lengthening(), SimpleNamespace(trace=len), 1000, clock=lambda: now) as running:
        for step in range(1000):
            now += token
            running.decoded(range(step + 1))


def test_showing_a_real_run_takes_a_tenth_of_its_time_at_most(embedded, shown):
    def at_the_pace_of_a_larger_model(_ids, scores):
        time.sleep(0.03)
        return scores

    class Drawing(_Watching):
        def begin(self, trace, most):
            super().begin(trace, most)
            self.view = trace.view()

        def grow(self, trace):
            super().grow(trace)
            self.view.show(trace)

    shown(Drawing())
    embedded.trace(ot.example(), live=True, max_new_tokens=3)  # what is loaded at its first use is loaded
    display = shown(Drawing(), interval=INTERVAL, share=SHARE)
    trace = embedded.trace(ot.example(), live=True, logits_processor=[at_the_pace_of_a_larger_model])
    seconds = trace.run.seconds
    assert seconds["live"] < 0.1 * seconds["decode"]
    assert len(display.traces) >= 3


def test_the_view_takes_a_growing_trace_and_keeps_what_the_reader_has_chosen(tracer, shown):
    class Drawing(_Watching):
        def grow(self, trace):
            super().grow(trace)
            if len(self.traces) == 2:
                self.view = trace.view(signal="excess", pinned=1)
            elif len(self.traces) > 2:
                self.view.show(trace)

        def finish(self, trace):
            super().finish(trace)
            self.view.show(trace)

    display = shown(Drawing())
    trace = tracer.trace(PROMPT, SIGNALS, live=True, **SHORT)
    assert (display.view.signal, display.view.pinned) == ("excess", 1)
    display.view.signal = "leave_one_out"
    assert set(display.view.spans["signal"]) <= {"leave_one_out"}
    assert len(display.view.spans) == len(trace.spans.query("signal == 'leave_one_out'"))


def rows(sparse):
    """Give the values of each row; which of equal ones is kept does not matter."""
    return [sorted(each) for each in np.split(sparse.value, sparse.start[1:-1])]


def test_a_view_that_grew_holds_what_one_that_is_built_anew_holds(tracer, shown, monkeypatch):
    class Drawing(_Watching):
        def grow(self, trace):
            super().grow(trace)
            if len(self.traces) == 3:
                self.view = trace.view()
            elif len(self.traces) in {4, 7, 9}:
                assert trace.continues(self.traces[-2])
                self.view.show(trace)
                self.pairs.append((self.view._model, view.model(trace)))
            elif len(self.traces) > 4:
                self.view._trace = trace  # the view need not have seen each

    for most in (200_000, 30):
        monkeypatch.setattr("omnitrace_nb.view.stepwise.MOST_HEAT", most)
        monkeypatch.setattr("omnitrace_nb.view.growing.MOST_HEAT", most)
        display = Drawing()
        display.pairs = []
        shown(display)
        tracer.trace(PROMPT, ONLINE, live=True, **SHORT)
        for grown, built in display.pairs:
            assert grown.notes == built.notes
            assert grown.steps.notes == built.steps.notes
            for name in ("source", "confidence", "budget"):
                np.testing.assert_array_equal(getattr(grown.steps, name), getattr(built.steps, name))
            for own, whole in ((grown.steps.mass, built.steps.mass), (grown.steps.heat, built.steps.heat)):
                assert own.most == whole.most
                assert rows(own) == rows(whole)
                np.testing.assert_array_equal(own.scale, whole.scale)
            assert bool(grown.steps.notes) == (most == 30)
            if most > 30:
                np.testing.assert_array_equal(grown.steps.heat.gap, built.steps.heat.gap)


def test_in_a_terminal_the_text_grows(tracer, monkeypatch, capsys):
    for interval in (0.0, 1000.0):
        monkeypatch.setattr(live, "INTERVAL", interval)
        trace = tracer.trace(PROMPT, "attmean", live=True, **SHORT)
        written = capsys.readouterr()
        assert written.out == trace.response + "\n"
        assert not re.search("tracing", written.err)


def test_a_character_in_pieces_is_written_when_it_is_whole(capsys):
    display = TerminalDisplay(sys.stdout)
    for text in ("caf", "caf\N{REPLACEMENT CHARACTER}", "caf\xe9", "caf\xe9 \N{REPLACEMENT CHARACTER}"):
        display.grow(SimpleNamespace(response=text))
    assert capsys.readouterr().out == "caf\xe9 "
    display.finish(SimpleNamespace(response="caf\xe9 \N{REPLACEMENT CHARACTER}"))
    assert capsys.readouterr().out == "\N{REPLACEMENT CHARACTER}\n"


def test_the_command_line_writes_the_response_as_it_comes(embedded, monkeypatch, capsys):
    monkeypatch.setattr("omnitrace_nb.tracer.load", lambda *_, **__: embedded)
    assert main(["trace", "Mia sells honey.", "Tell everything.", "--live", "--max-new-tokens", "4"]) == 0
    response = embedded.trace(["Mia sells honey.", "Tell everything."], max_new_tokens=4, progress=False).response
    assert capsys.readouterr().out.startswith(response + "\n")
