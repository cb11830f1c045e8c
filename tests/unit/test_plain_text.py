"""Text of strangers in messages: no escape sequences, no reordering, no novels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annette.errors import AnnetteError, NetworkFormatError
from annette.plain_text import MAX_MESSAGE_LENGTH, escaped, one_line, shortened

HOSTILE = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\nb",
    "a\rb",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\ud800",
    "\u2028",
    "\x7f",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_terminal_obeys_is_left(text):
    assert escaped(text).isprintable()
    escaped(text).encode()
    assert str(NetworkFormatError(f"layer {text} is bad")).isprintable()


def test_letters_of_all_languages_stay():
    assert escaped("Größe 尺寸 размер") == "Größe 尺寸 размер"


@given(st.text(st.characters(), max_size=50), st.integers(0, 5000))
def test_messages_are_short_lines(text, repeats):
    message = one_line(text * repeats)
    assert message.isprintable()
    assert len(message) <= MAX_MESSAGE_LENGTH


@pytest.mark.parametrize("quoted", [repr("n" * 10**6), repr("n m " * 10**5), '"' + "n'" * 400 + '"', "n" * 10**6])
def test_a_long_name_is_cut_and_what_follows_it_stays(quoted):
    message = str(AnnetteError(f"layer {quoted} has no input; remove it"))
    assert message.startswith("layer ")
    assert message.endswith(" has no input; remove it")
    assert len(message) < 340


def test_lists_of_what_is_known_stay_whole():
    message = "no platform 'x'; known: " + ", ".join(f"platform-{index}" for index in range(80))
    assert one_line(message) == message


def test_shortened_keeps_both_ends():
    assert shortened("abc", 3) == "abc"
    assert shortened("a" * 100 + "z" * 100, 11) == "aaaaa…zzzzz"
