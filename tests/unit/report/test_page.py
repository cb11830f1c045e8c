"""Lines and tables for the terminal."""

import click
from hypothesis import given
from hypothesis import strategies as st

from annette.plain_text import escaped
from annette.report.page import Page


def lines_of(width, header, rows, left):
    lines = []
    Page(width, lines.append).table(header, rows, left=left)
    return lines


def test_texts_stand_left_and_numbers_right():
    lines = lines_of(80, ("name", "ops"), [("conv", "1"), ("pool", "200")], (0,))
    assert lines[1:] == ["conv    1", "pool  200"]


def test_a_table_without_titles_has_no_title_line():
    assert lines_of(80, ("", ""), [("device", "toy")], (0, 1)) == ["device  toy"]


def test_a_text_that_is_too_wide_goes_on_below_itself():
    lines = lines_of(20, ("name", "ops"), [("abcdefghijklmnopqrstuvwxyz", "7")], (0,))
    assert lines[1:] == ["abcdefghijklmno    7", "pqrstuvwxyz"]


def test_a_styled_line_has_its_parts_in_order():
    lines = []
    Page(80, lines.append).line(bold="a", plain="b", red="c")
    assert lines == ["\x1b[1ma\x1b[0mb\x1b[31mc\x1b[0m"]


def test_names_cannot_command_the_terminal():
    assert "\x1b" not in lines_of(80, ("",), [("\x1b]0;title\x07",)], (0,))[0]


@given(st.lists(st.tuples(st.text(min_size=1), st.text("0123456789", min_size=1)), min_size=1), st.integers(30, 90))
def test_nothing_is_lost_and_no_line_is_wider_than_the_page(rows, width):
    rows = [(name, number[:9]) for name, number in rows]
    lines = lines_of(width, ("", ""), rows, (0,))
    assert all(len(line) <= width for line in lines)
    shown = "".join("".join(lines).split())
    assert sum(map(len, shown.split())) == sum(
        len("".join(escaped(name).split())) + len(number) for name, number in rows
    )


def test_a_table_without_columns_is_empty_lines():
    assert lines_of(80, (), [()], ()) == [""]


def test_notes_cut_long_names_in_the_middle():
    lines = []
    name = "functional/" * 30 + "Conv2D"
    Page(width=200, write=lines.append).notes([f"the longest of them, '{name}', by far; that isn't '{name[:20]}'"])
    (line,) = (click.unstyle(line) for line in lines)
    assert len(line) < 140
    assert "'functional/" in line
    assert "Conv2D', by far; that isn't 'functional/functiona'" in line
