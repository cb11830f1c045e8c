"""What docs/library.md shows runs as it stands; of what takes minutes, each call fits the function that it calls."""

import ast
import contextlib
import inspect
import io
import re
import runpy
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

import annette
from annette.errors import AnnetteError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"
BLOCKS = re.findall(r"^```python\n(.+?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
SLOW = [block for block in BLOCKS if "annette.benchmark(" in block]


def save(path, nodes, inputs, outputs):
    graph = helper.make_graph(
        nodes, path.stem,
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in outputs.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files that the examples name, in the folder that they run in."""
    monkeypatch.chdir(tmp_path)
    ways = {
        key: helper.make_graph(
            [helper.make_node(operator, ["x"], [key])], key, [],
            [helper.make_tensor_value_info(key, TensorProto.FLOAT, [1, "seq"])],
        )
        for key, operator in (("then_branch", "Relu"), ("else_branch", "Sigmoid"))
    }  # fmt: skip
    save(
        tmp_path / "speech.onnx",
        [
            helper.make_node("ReduceMax", ["x"], ["loudest"], keepdims=0),
            helper.make_node("Cast", ["loudest"], ["speaks"], to=TensorProto.BOOL),
            helper.make_node("If", ["speaks"], ["cleaned"], **ways),
            helper.make_node("Cast", ["rate"], ["factor"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["cleaned", "factor"], ["y"]),
        ],
        {"x": (TensorProto.FLOAT, [1, "seq"]), "rate": (TensorProto.INT64, [1])},
        {"y": (TensorProto.FLOAT, [1, "seq"])},
    )
    save(
        tmp_path / "detector.onnx",
        [
            helper.make_node("NonZero", ["x"], ["NonZero_12_output"]),
            helper.make_node("Cast", ["NonZero_12_output"], ["y"], to=TensorProto.FLOAT),
        ],
        {"x": (TensorProto.FLOAT, [1, 100])},
        {"y": (TensorProto.FLOAT, [2, None])},
    )
    rows = (f"conv,{channels},14,14,{channels},3,{channels / 9 + 8}" for channels in range(8, 88, 4))
    header = "kind,in_channels,in_height,in_width,out_channels,kernel_height,latency_us"
    (tmp_path / "layers.csv").write_text("\n".join((header, *rows, "")))


@pytest.mark.parametrize("block", [block for block in BLOCKS if block not in SLOW], ids=lambda block: block[-40:])
@pytest.mark.usefixtures("files")
def test_the_examples_run(block):
    if "observe_sizes" in block:
        pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    Path("example.py").write_text(block, encoding="utf-8")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path("example.py")
    assert ("print(" in block) == bool(printed.getvalue())


def test_calls_of_what_takes_minutes_fit_their_functions():
    calls = [
        node
        for block in SLOW
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("annette.")
    ]
    assert len(calls) >= 7
    for call in calls:
        function = getattr(annette, ast.unparse(call.func).removeprefix("annette."))
        named = {keyword.arg: None for keyword in call.keywords}
        inspect.signature(function).bind(*call.args, **named)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: annette.estimate("resnet18", "ncs2-openvino", model="best"),
        lambda: annette.estimate("resnet18", "ncs2-openvino", confidence=2.0),
        lambda: annette.estimate("resnet18", "ncs2-openvino", fallback="guess"),
        lambda: annette.estimate("resnet18", "ncs2-openvino", batch=0),
        lambda: annette.compare_platforms("resnet18", ["ncs2-openvino"], fallback="guess"),
        lambda: annette.compare_networks("resnet18", "resnet34", "no-such-platform"),
        lambda: annette.find_kernels(annette.load_network("resnet18"), "ncs2-openvino", batch=2),
        lambda: annette.describe_dataset("no-such.sqlite"),
        lambda: annette.compare_datasets("no-such.sqlite", "neither.sqlite"),
        lambda: annette.import_table("no-such.csv", "out.dataset", layout="sheets"),
        lambda: annette.import_table("no-such.csv", "out.dataset"),
        lambda: annette.fit([], name="mine"),
        lambda: annette.transfer([], "ncs2-openvino", name="mine"),
        lambda: annette.calibrate([("resnet18", 1e-3)], "zcu102-dnndk", name="mine"),
        lambda: annette.calibrate([("resnet18", -1.0)] * 5, "zcu102-dnndk", name="mine"),
        lambda: annette.calibrate([("resnet18", 1.0)] * 5, "zcu102-dnndk", name="mine", columns={"network": "net"}),
        lambda: annette.calibrate([("resnet18", 1.0)] * 5, "zcu102-dnndk", name="mine", times="host"),
        lambda: annette.evaluate("ncs2-openvino", "no-such-suite"),
        lambda: annette.measure(["resnet18"], backend="stone"),
        lambda: annette.measure(["resnet18"], backend="onnxruntime", rounds=0),
        lambda: annette.plan_benchmark("onnxruntime", preset="tiny"),
        lambda: annette.plan_benchmark("onnxruntime", batch=[0]),
    ],
    ids=range(22),
)
def test_arguments_that_make_no_sense_are_errors_of_ours(wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AnnetteError):
        wrong()
