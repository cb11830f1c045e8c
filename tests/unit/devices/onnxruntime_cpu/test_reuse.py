"""Who shares a buffer with whom."""

from annette.devices.onnxruntime_cpu.reuse import Step, buffer_spans

SHAPES = {"x": (4,), "a": (4,), "b": (4,), "c": (2, 2), "d": (4,), "y": (4,)}
WIDTHS = dict.fromkeys(SHAPES, 4)


def spans(*steps, wanted=("y",)):
    return [(span.name, span.first, span.last) for span in buffer_spans(steps, SHAPES, WIDTHS, ["x"], wanted)]


def test_a_dead_buffer_of_equal_shape_is_taken_again():
    found = spans(Step(("x",), ("a",)), Step(("a",), ("b",)), Step(("b",), ("d",)), Step(("d",), ("y",)))
    assert found == [("a", 0, 3), ("b", 1, 2), ("y", 3, 3)]


def test_a_buffer_is_held_until_the_last_that_shares_it_is_dead():
    found = spans(
        Step(("x",), ("a",)), Step(("a",), ("c",)), Step(("c",), ("b",)), Step(("b",), ("d",), in_place=(0,)),
        Step(("d",), ("y",)),
    )  # fmt: skip
    assert found == [("a", 0, 4), ("c", 1, 2), ("y", 4, 4)]


def test_a_kernel_writes_over_what_nobody_else_reads():
    assert spans(Step(("x",), ("a",)), Step(("a",), ("b",), in_place=(0,)), Step(("b",), ("y",))) == [
        ("a", 0, 2), ("y", 2, 2)
    ]  # fmt: skip
    shared = spans(Step(("x",), ("a",)), Step(("a",), ("b",), in_place=(0,)), Step(("a", "b"), ("y",)))
    assert ("b", 1, 2) in shared


def test_inputs_are_the_callers_and_views_lie_where_their_input_does():
    assert spans(Step(("x",), ("a",), in_place=(0,)), Step(("a",), ("y",))) == [("a", 0, 1), ("y", 1, 1)]
    assert spans(Step(("x",), ("c",), view=True), Step(("c",), ("y",))) == [("y", 1, 1)]


def test_outputs_have_a_buffer_of_their_own_to_the_end():
    found = spans(Step(("x",), ("a",)), Step(("a",), ("b",)), Step(("b",), ("y",)), wanted=("a", "y"))
    assert found == [("a", 0, 2), ("b", 1, 2), ("y", 2, 2)]
