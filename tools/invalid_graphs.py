"""Measures how annette's reader and ONNX Runtime agree on which graphs are valid.

Usage: ``python tools/invalid_graphs.py [--count N] [--seed S] [--out FILE]``. Valid models, those of ONNX's own tests
of operators and small networks of the zoo, are mutated once each, at random but by meaning: element types, attributes,
numbers of inputs and outputs, operator sets, shapes, order. Each mutant is read, and given to ONNX Runtime in a process
of its own, without optimisations. The table says which mutants are priced that ONNX Runtime does not load, and which
are refused that it does, by reason. That a runtime has no kernel for an operator's types is no reason: such mutants are
left out.

docs/results/validity.md has figures. To measure another version, run it with that version's ``src`` first in
PYTHONPATH.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import onnxruntime
from onnx import AttributeProto, TensorProto, helper
from onnx.backend.test.case.node import collect_testcases

from annette.errors import AnnetteError
from annette.network import zoo
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NETWORKS = ("squeezenet1_1", "mobilenet_v2", "resnet18")
LARGEST_SEED = 20_000
TIMEOUT_S = 60
REASONS = (
    ("Unrecognized attribute", "unknown attribute"),
    ("Mismatched attribute type|Field 'type' of", "type of an attribute"),
    ("Required attribute", "attribute missing"),
    ("No Op registered", "no such operator in this operator set"),
    ("No opset import|ValidateOpsetForDomain", "operator set not imported"),
    ("Node with schema|is marked single but has an empty|input_arg_count", "number of inputs or outputs"),
    ("Type parameter", "types that should agree"),
    ("of input parameter", "type of an input"),
    ("of output arg", "type of an output"),
    ("two nodes with same node name", "two nodes of one name"),
    ("ShapeInferenceError", "what the operator's own check finds"),
    ("Exception during initialization", "what the kernel's own check finds"),
)
"""Parts of ONNX Runtime's messages, and what they mean."""
TYPES = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32, TensorProto.UINT8)


def main() -> None:
    """Runs the comparison and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="mutants (2000)")
    parser.add_argument("--seed", type=int, default=1, help="of the random choices (1)")
    parser.add_argument("--out", type=Path, help="where the table goes; the screen where absent")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = compare(options.count, options.seed)
    if options.out:
        options.out.write_text(table, encoding="utf-8")
    else:
        print(table)


def compare(count: int, seed: int) -> str:
    """Mutates, asks both, and returns a table in Markdown."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    verdicts: Counter[tuple[bool, str]] = Counter()
    reasons: dict[tuple[bool, str], Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder, Runtime() as runtime:
        seeds = [data for data in sources(Path(folder)) if verdict(data, Path(folder)) is None]
        seeds = [data for data in seeds if not runtime.verdict(data)]
        done = 0
        while done < count:
            mutant, mutation = mutated(rng.choice(seeds), rng)
            ours, theirs = verdict(mutant, Path(folder)), runtime.verdict(mutant)
            if "NOT_IMPLEMENTED" in theirs:
                continue
            done += 1
            case = (ours is None, "loads" if not theirs else "crashes" if theirs == "crash" else "refuses")
            verdicts[case] += 1
            detail = theirs if ours is None else ours
            reasons.setdefault(case, Counter())[f"{mutation}: {kind_of_reason(detail)}"] += 1
    return report(count, seed, verdicts, reasons)


def report(
    count: int, seed: int, verdicts: Counter[tuple[bool, str]], reasons: dict[tuple[bool, str], Counter[str]]
) -> str:
    """The table, and the commonest reasons where the two disagree."""
    lines = [f"{count} mutants, seed {seed}.", "", "| annette | loads | refuses | crashes |", "|---|---|---|---|"]
    for priced, name in ((True, "prices"), (False, "refuses")):
        row = " | ".join(str(verdicts[priced, theirs]) for theirs in ("loads", "refuses", "crashes"))
        lines.append(f"| {name} | {row} |")
    for case, title in (((True, "refuses"), "Priced, though ONNX Runtime refuses it"),
                        ((False, "loads"), "Refused, though ONNX Runtime loads it")):  # fmt: skip
        lines += ["", f"{title}:", ""]
        lines += [f"- {number} x {reason}" for reason, number in reasons.get(case, Counter()).most_common(40)]
    return "\n".join(lines) + "\n"


def kind_of_reason(text: str) -> str:
    """A message without what is particular to its file."""
    known = next((name for pattern, name in REASONS if re.search(pattern, text)), "")
    if known != "what the operator's own check finds":
        return known or re.sub(r"node .*?\)|'[^']*'|\[[^\]]*\]|\d+", "…", text)[:100]
    operator = re.search(r"Op \((\w+)\)", text)
    detail = re.sub(r"\d+", "…", text.partition("ShapeInferenceError]")[2])[:60]
    return f"{operator[1] if operator else ''}:{detail}"


def sources(folder: Path) -> Iterator[bytes]:
    """Valid models: ONNX's own tests of operators, and small networks of the zoo."""
    for case in collect_testcases(None):
        data = case.model.SerializeToString() if case.model is not None else b""
        if 0 < len(data) < LARGEST_SEED:
            yield data
    for name in NETWORKS:
        write_onnx(zoo.build(name), folder / "zoo.onnx")
        data = (folder / "zoo.onnx").read_bytes()
        yield from [data] * 30


def verdict(data: bytes, folder: Path) -> str | None:
    """Why annette refuses a model, None where it prices it."""
    path = folder / "mutant.onnx"
    path.write_bytes(data)
    try:
        read_onnx(path)
    except AnnetteError as error:
        return f"{type(error).__name__}: {error}"
    return None


class Runtime:
    """ONNX Runtime in a process that may crash."""

    def __enter__(self) -> Runtime:
        """Starts the process."""
        self._pool = ProcessPoolExecutor(1)
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it."""
        self._pool.shutdown(cancel_futures=True)

    def verdict(self, data: bytes) -> str:
        """Why ONNX Runtime refuses a model; empty where it loads it, ``crash`` where it dies or hangs."""
        try:
            return self._pool.submit(load, data).result(TIMEOUT_S)
        except (BrokenProcessPool, TimeoutError):
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = ProcessPoolExecutor(1)
            return "crash"


def load(data: bytes) -> str:
    """Loads a model in ONNX Runtime; the complaint, empty if there is none."""
    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    try:
        onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its exceptions have no common class
        return str(error) or "refused"
    return ""


def mutated(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """A model with one thing changed, and the name of the change."""
    while True:
        model = onnx.ModelProto()
        model.ParseFromString(data)
        mutation = rng.choice(MUTATIONS)
        mutation(model, rng)
        changed = model.SerializeToString()
        if changed != data:
            return changed, mutation.__name__


def _tensors(model: onnx.ModelProto) -> Sequence[Any]:
    return [info.type.tensor_type for info in (*model.graph.input, *model.graph.output, *model.graph.value_info)]


def element_type(model: onnx.ModelProto, rng: random.Random) -> None:
    """Another type of an input, an output or a tensor between."""
    rng.choice(_tensors(model)).elem_type = rng.choice(TYPES)


def stored_type(model: onnx.ModelProto, rng: random.Random) -> None:
    """Another type of a stored tensor, its numbers converted."""
    if model.graph.initializer:
        tensor = rng.choice(model.graph.initializer)
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype.kind in "fiu":
            dtype = helper.tensor_dtype_to_np_dtype(rng.choice(TYPES))
            tensor.CopyFrom(onnx.numpy_helper.from_array(array.astype(dtype), tensor.name))


def shape(model: onnx.ModelProto, rng: random.Random) -> None:
    """Another size of a dimension, or one dimension more or less."""
    dims = rng.choice(_tensors(model)).shape.dim
    change = rng.randrange(3)
    if change == 0 or not dims:
        dims.add(dim_value=rng.choice((1, 2, 3, 8)))
    elif change == 1:
        del dims[rng.randrange(len(dims))]
    else:
        rng.choice(dims).dim_value = rng.choice((1, 2, 3, 5, 64))


def input_missing(model: onnx.ModelProto, rng: random.Random) -> None:
    """An input less, or one left empty."""
    node = rng.choice(model.graph.node)
    if node.input:
        at = rng.randrange(len(node.input))
        if rng.random() < 0.5:
            node.input[at] = ""
        else:
            del node.input[at]


def input_more(model: onnx.ModelProto, rng: random.Random) -> None:
    """An input more."""
    rng.choice(model.graph.node).input.append(rng.choice(_names(model)))


def input_other(model: onnx.ModelProto, rng: random.Random) -> None:
    """Another tensor as an input."""
    node = rng.choice(model.graph.node)
    if node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(_names(model))


def _names(model: onnx.ModelProto) -> list[str]:
    graph = model.graph
    return [info.name for info in graph.input] + [t.name for t in graph.initializer] or [""]


def output_more(model: onnx.ModelProto, rng: random.Random) -> None:
    """An output more."""
    rng.choice(model.graph.node).output.append("further")


def output_missing(model: onnx.ModelProto, rng: random.Random) -> None:
    """An output less."""
    node = rng.choice(model.graph.node)
    del node.output[-1:]


def attribute_unknown(model: onnx.ModelProto, rng: random.Random) -> None:
    """An attribute that no operator has."""
    rng.choice(model.graph.node).attribute.append(helper.make_attribute("flavour", rng.choice((1, 1.5, "x", [1, 2]))))


def attribute_missing(model: onnx.ModelProto, rng: random.Random) -> None:
    """An attribute less."""
    node = rng.choice(model.graph.node)
    if node.attribute:
        del node.attribute[rng.randrange(len(node.attribute))]


def attribute_type(model: onnx.ModelProto, rng: random.Random) -> None:
    """An attribute of another type."""
    node = rng.choice(model.graph.node)
    if node.attribute:
        attribute = rng.choice(node.attribute)
        attribute.CopyFrom(helper.make_attribute(attribute.name, rng.choice((1, 1.5, "x", [1, 2], [1.5], ["x"]))))


def attribute_value(model: onnx.ModelProto, rng: random.Random) -> None:
    """Another number in an attribute."""
    node = rng.choice(model.graph.node)
    numbers = [a for a in node.attribute if a.type in (AttributeProto.INT, AttributeProto.INTS)]
    if numbers:
        attribute = rng.choice(numbers)
        if attribute.type == AttributeProto.INT:
            attribute.i = rng.choice((-1, 0, 1, 2, 3, 100))
        elif attribute.ints and rng.random() < 0.5:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice((-1, 0, 1, 2, 3))
        else:
            attribute.ints.append(1)


def operator(model: onnx.ModelProto, rng: random.Random) -> None:
    """Another operator."""
    known = ("Relu", "Add", "Conv", "MatMul", "Concat", "Softmax", "Reshape", "Gather", "Erf", "Where", "Cast", "Shape")
    rng.choice(model.graph.node).op_type = rng.choice(known)


def operator_set(model: onnx.ModelProto, rng: random.Random) -> None:
    """Another version of an operator set, or none."""
    entry = rng.randrange(len(model.opset_import))
    if rng.random() < 0.3:
        model.opset_import[entry].domain = "elsewhere"
    else:
        model.opset_import[entry].version = rng.choice((7, 9, 11, 13, 15, 17, 18, 21))


def node_missing(model: onnx.ModelProto, rng: random.Random) -> None:
    """A node less."""
    del model.graph.node[rng.randrange(len(model.graph.node))]


def order(model: onnx.ModelProto, rng: random.Random) -> None:
    """Nodes in another order, which changes nothing."""
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in model.graph.node]
    rng.shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


MUTATIONS: tuple[Callable[[onnx.ModelProto, random.Random], None], ...] = (
    element_type, stored_type, shape, input_missing, input_more, input_other, output_more, output_missing,
    attribute_unknown, attribute_missing, attribute_type, attribute_value, operator, operator_set, node_missing, order,
)  # fmt: skip

if __name__ == "__main__":
    main()
