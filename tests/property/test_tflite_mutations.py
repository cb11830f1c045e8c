"""Damaged TFLite files: an error of annette's own, never another exception, never a hang."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from annette.errors import AnnetteError
from annette.network.builder import NetworkBuilder
from annette.network.readers.tflite import read_tflite
from annette.network.writers.tflite import lower_tflite


def sound_file() -> bytes:
    net = NetworkBuilder("sound")
    x = net.input("image", (1, 3, 16, 16))
    x = net.activation(net.conv(x, 8, 3, stride=2, padding=1), "relu6")
    y = net.depthwise_conv(x, 3, padding=1)
    x = net.concat([net.add(x, y), net.activation(y, "sigmoid")])
    x = net.max_pool(x, 2, stride=2)
    x = net.softmax(net.fully_connected(net.flatten(net.global_average_pool(x)), 10))
    return lower_tflite(net.build(x)).content


SOUND = sound_file()


def attempt(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.tflite"
        path.write_bytes(content)
        message = ""
        try:
            read_tflite(path)
        except AnnetteError as error:
            message = str(error)
        assert "\n" not in message


def test_the_file_is_sound():
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.tflite"
        path.write_bytes(SOUND)
        assert len(read_tflite(path).layers) == 12


FAST = settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.too_slow])


@example(changes=[(740, 0)])  # A depthwise convolution with more weights than channels: no group.
@FAST
@given(
    st.lists(
        st.tuples(st.integers(0, len(SOUND) - 1), st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 127, 255]))),
        min_size=1,
        max_size=8,
    )
)
def test_changed_bytes(changes):
    content = bytearray(SOUND)
    for position, value in changes:
        content[position] = value
    attempt(bytes(content))


@FAST
@given(st.integers(0, len(SOUND)), st.binary(max_size=64))
def test_truncated_and_extended(length, tail):
    attempt(SOUND[:length] + tail)


@FAST
@given(st.integers(0, len(SOUND) // 4 - 1), st.integers(0, 2**32 - 1))
def test_changed_words(word, value):
    content = bytearray(SOUND)
    content[4 * word : 4 * word + 4] = value.to_bytes(4, "little")
    attempt(bytes(content))
