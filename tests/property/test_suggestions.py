"""Whatever an error suggests for open dimensions is accepted when it is typed."""

import shlex
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from annette.errors import NetworkShapeError
from annette.network.inputs import parse_given
from annette.network.readers.onnx import read_onnx

dimensions = st.one_of(
    st.integers(1, 5), st.none(), st.sampled_from(["N", "batch", "seq_len", "H", "W", "M.1", "a b", "x=y", "é", "?"])
)
shapes = st.one_of(st.none(), st.lists(dimensions, min_size=0, max_size=5))
names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)


def network_of(inputs):
    """Every input through an operator of its own, so that any shape works."""
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    nodes = [helper.make_node("Relu", [name], [f"result {index}"]) for index, name in enumerate(inputs)]
    outputs = [helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None) for node in nodes]
    graph = helper.make_graph(nodes, "g", infos, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(inputs=st.dictionaries(names, shapes, min_size=1, max_size=6))
def test_suggestions_are_accepted(tmp_path, inputs):
    path = tmp_path / "net.onnx"
    path.write_bytes(network_of(inputs).SerializeToString())
    message = ""
    try:
        read_onnx(path)
    except NetworkShapeError as error:
        message = str(error)
    if message:
        words = shlex.split(message.split("unknown dimensions")[-1].split("has no shape;")[-1])
        typed = [after for option, after in pairwise(words) if option == "--input"]
        assert typed, message
        given_inputs = {text.rpartition("=")[0]: parse_given(text.rpartition("=")[2]) for text in typed}
        assert read_onnx(path, input_shapes=given_inputs).layers
