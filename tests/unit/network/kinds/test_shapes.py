import pytest

from annette.network.kinds.shapes import same_padding, window_count


def test_a_last_window_must_start_on_data():
    # 2 elements behind one of padding, windows of 1 every 3: the second would start on padding behind the end.
    assert window_count(2, 1, 3, 1, 1, 1, ceil=True) == 1
    assert window_count(4, 2, 3, 1, 0, 0, ceil=True) == 2


@pytest.mark.parametrize("size", [1, 7, 8, 224])
@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_keeps_the_rounded_up_quotient(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    assert window_count(size, kernel, stride, 1, before, after, ceil=False) == -(-size // stride)
    assert after - before in (0, 1)
