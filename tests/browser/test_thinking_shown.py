"""Thinking before an answer, and a beginning that was given, in a browser."""

from dataclasses import replace

import pytest
from traces import make_trace


@pytest.fixture
def page(opened):
    trace = make_trace()
    end = trace.statement_chars[1][1]
    response = replace(trace.response_record, thinking=((0, end),), begun="Well, <b>then</b>")
    return opened(trace._but(response=response))


def shown(page):
    rows = page.locator(".otr-statement").all()
    return [int(row.get_attribute("data-statement")) for row in rows if row.is_visible()]


def count(page):
    return page.locator(".otr-statement").count()


def test_thinking_is_folded_once_there_is_an_answer_and_opens_by_a_click(page):
    button = page.locator(".otr-fold-thinking")
    assert button.inner_text() == "Thinking: 2 statements"
    assert button.get_attribute("aria-expanded") == "false"
    assert shown(page) == list(range(2, count(page)))
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    assert shown(page) == list(range(count(page)))
    button.click()
    assert shown(page)[0] == 2


def test_keys_pass_over_folded_thinking(page):
    page.locator(".otr-fold-thinking").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.statement") == "2"
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.dataset.statement") == "2"
    page.locator(".otr-fold-thinking").press("Enter")
    page.locator('.otr-statement[data-statement="2"]').focus()
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.dataset.statement") == "0"


def test_a_step_within_the_thinking_opens_it(page):
    assert 0 not in shown(page)
    page.locator(".otr-run input").press("Home")
    page.locator('.otr-fold-thinking[aria-expanded="true"]').wait_for()
    assert 0 in shown(page)


def test_what_was_given_of_the_answer_stands_before_it_as_text(page):
    assert page.locator(".otr-given span").inner_text() == "Well, <b>then</b>"


def test_without_thinking_nothing_is_added(opened):
    page = opened(make_trace())
    assert not page.locator(".otr-fold-thinking").is_visible()
    assert not page.locator(".otr-given").is_visible()
    assert shown(page) == list(range(count(page)))
