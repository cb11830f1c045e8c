"""What exported language models are in each of their runs."""

import pytest

from annette.errors import NetworkError, NetworkShapeError, OptionError
from annette.network.decoder import open_decoder
from annette.network.zoo import build
from tests.unit.network.readers.onnx.build import model, save

HIDDEN, HEADS = 8, 2
ATTEND = """
  rows = Constant <value = int64[2] {16, 8}> ()
  table = ConstantOfShape (rows)
  x = Gather (table, input_ids)
  width = Constant <value = int64[4] {0, 0, 2, 4}> ()
  joined = Constant <value = int64[3] {0, 0, 8}> ()
  parts = Reshape (x, width)
  new = Transpose <perm = [0, 2, 1, 3]> (parts)
"""
SCORES = """
  turned = Transpose <perm = [0, 1, 3, 2]> (PRESENT)
  scores = MatMul (new, turned)
  mask_axes = Constant <value = int64[2] {1, 2}> ()
  mask = Unsqueeze (MASK, mask_axes)
  real = Cast <to = 1> (mask)
  shares = Softmax (scores)
  kept = Mul (shares, real)
  mixed = MatMul (kept, PRESENT)
  back = Transpose <perm = [0, 2, 1, 3]> (mixed)
  LOGITS = Reshape (back, joined)
"""


def scored(present, mask="attention_mask", logits="logits"):
    return SCORES.replace("PRESENT", present).replace("MASK", mask).replace("LOGITS", logits)


IDS = "int64[batch_size, sequence_length] input_ids"
PAST = "float[batch_size, 2, past_sequence_length, 4] past_key_values.0.key"
WHOLE = "int64[batch_size, past_sequence_length + sequence_length] attention_mask"
CACHED = ATTEND + "  present.0.key = Concat <axis = 2> (past_key_values.0.key, new)\n" + scored("present.0.key")


def quoted(graph):
    """Names that the textual syntax takes in quotes only."""
    for name in ("past_key_values.0.key", "present.0.key"):
        graph = graph.replace(name, name.replace(".", "_"))
    return graph.replace("past_sequence_length + sequence_length", "total")


def saved(folder, inputs, body, name="lm.onnx", outputs="float[a, b, c] logits", contrib=False):
    proto = model(quoted(f"lm ({', '.join(inputs)}) => ({outputs}) {{{body}}}"), contrib=contrib)
    for info in proto.graph.input:
        for dim in info.type.tensor_type.shape.dim:
            if dim.dim_param == "total":
                dim.dim_param = "past_sequence_length + sequence_length"
    return save(folder, proto, name)


def test_one_file_is_a_prefill_and_decode_steps(tmp_path):
    lm = open_decoder(saved(tmp_path, (IDS, WHOLE, PAST), CACHED))
    assert lm.has_cache
    prefill, step = lm.prefill(6, 2), lm.step(6, 2)
    assert prefill.tensors["input_ids"].shape == (2, 6)
    assert prefill.tensors["attention_mask"].shape == (2, 6)
    assert prefill.empty_inputs == {"past_key_values_0_key": (2, 2, 0, 4)}
    assert "past_key_values_0_key" not in prefill.inputs
    assert step.tensors["input_ids"].shape == (2, 1)
    assert step.tensors["attention_mask"].shape == (2, 7)
    assert step.tensors["past_key_values_0_key"].shape == (2, 2, 6, 4)
    assert prefill.macs == 2 * 2 * 6 * 6 * HIDDEN
    assert step.macs == 2 * 2 * 7 * HIDDEN
    assert [tensor.elements for tensor in lm.caches_of(step)] == [2 * 2 * 6 * 4]


def test_a_copy_into_an_empty_cache_is_a_copy(tmp_path):
    lm = open_decoder(saved(tmp_path, (IDS, WHOLE, PAST), CACHED))
    (copied,) = (layer for layer in lm.prefill(6, 1).layers if layer.kind == "concat")
    assert len(copied.inputs) == 1


def test_symbols_are_told_by_the_inputs_that_have_them(tmp_path):
    inputs = ("int64[N, S] input_ids", "int64[N, T] attention_mask", "float[N, 2, P, 4] past_key_values.0.key")
    lm = open_decoder(saved(tmp_path, inputs, CACHED))
    step = lm.step(9, 3)
    assert step.tensors["attention_mask"].shape == (3, 10)
    assert step.tensors["past_key_values_0_key"].shape == (3, 2, 9, 4)


def test_a_file_without_a_cache_reads_the_whole_sequence_each_time(tmp_path):
    body = ATTEND + scored("new")
    lm = open_decoder(saved(tmp_path, (IDS, "int64[batch_size, sequence_length] attention_mask"), body))
    assert not lm.has_cache
    assert lm.step(6, 1).macs == lm.prefill(7, 1).macs
    assert lm.caches_of(lm.step(6, 1)) == ()


def test_two_files_share_the_work(tmp_path):
    body = ATTEND + scored("new")
    first = saved(tmp_path, (IDS, "int64[batch_size, sequence_length] attention_mask"), body, "first.onnx")
    second = saved(tmp_path, ("int64[batch_size, 1] input_ids", WHOLE, PAST), CACHED, "second.onnx")
    lm = open_decoder(first, with_past=second)
    assert lm.has_cache
    assert lm.prefill(6, 1).name == "first"
    assert lm.step(6, 1).name == "second"
    with pytest.raises(NetworkShapeError, match="1 tokens at a time"):
        open_decoder(second).prefill(6, 1)
    with pytest.raises(OptionError, match="no file of decode steps"):
        open_decoder(second, with_past=first)


ONE_OPERATOR = """
  rows = Constant <value = int64[2] {16, 8}> ()
  table = ConstantOfShape (rows)
  x = Gather (table, input_ids)
  whole = Cast <to = 6> (attention_mask)
  axis = Constant <value = int64[1] {1}> ()
  lengths = ReduceSum (whole, axis)
  shape = Shape (attention_mask)
  at = Constant <value = int64 {1}> ()
  length = Gather (shape, at)
  total = Cast <to = 6> (length)
  logits, present_key, present_value =
    com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 2> (x, k, k, past_key, past_value, lengths, total)
"""


def test_attention_may_be_one_operator_that_holds_the_cache(tmp_path):
    caches = [f"float[batch_size, 2, past_sequence_length, 2] past_{part}" for part in ("key", "value")]
    body = ONE_OPERATOR.replace(
        "lengths =", "half = Constant <value = int64[2] {4, 4}> ()\n  k, r = Split <axis = 2> (x, half)\n  lengths ="
    )
    lm = open_decoder(saved(tmp_path, (IDS, WHOLE, *caches), body, contrib=True))
    prefill, step = lm.prefill(6, 1), lm.step(6, 1)
    assert prefill.macs == 2 * 6 * 6 * HIDDEN
    assert step.macs == 2 * 7 * HIDDEN
    assert sum(tensor.elements for tensor in lm.caches_of(step)) == 2 * 2 * 6 * 2


MERGED = (
    "\n  logits = If (use_cache_branch) <then_branch = behind () => (float[a, b, c] one) {"
    + CACHED.replace("present.0.key", "cached").replace("logits", "one")
    + "}, else_branch = alone () => (float[a, b, c] two) {"
    + (ATTEND + scored("new", logits="two"))
    + "}>\n"
)


def test_a_fixed_batch_is_replaced_or_refused(tmp_path):
    fixed = (each.replace("batch_size", "1") for each in (IDS, WHOLE, PAST))
    body = CACHED.replace("{0, 0, 2, 4}", "{0, -1, 2, 4}")
    lm = open_decoder(saved(tmp_path, fixed, body))
    assert lm.step(6, 1).tensors["input_ids"].shape == (1, 1)
    assert lm.step(6, 2).batch == 2
    assert lm.step(6, 2).macs == 2 * lm.step(6, 1).macs


def test_tokens_may_come_as_embeddings(tmp_path):
    inputs = ("float[batch_size, sequence_length, 8] inputs_embeds", WHOLE, PAST)
    body = CACHED.replace("x = Gather (table, input_ids)", "x = Identity (inputs_embeds)")
    lm = open_decoder(saved(tmp_path, inputs, body))
    assert lm.prefill(6, 2).tensors["inputs_embeds"].shape == (2, 6, 8)
    assert lm.step(6, 2).macs == 2 * 2 * 7 * HIDDEN
    shapeless = saved(tmp_path, ("float inputs_embeds",), "logits = Identity (inputs_embeds)", "b.onnx")
    with pytest.raises(OptionError, match="no input for tokens"):
        open_decoder(shapeless)


def test_a_merged_file_runs_the_branch_of_the_run(tmp_path):
    inputs = ("bool[1] use_cache_branch", IDS, "int64[batch_size, kept] attention_mask", PAST)
    lm = open_decoder(saved(tmp_path, inputs, MERGED))
    prefill, step = lm.prefill(6, 1), lm.step(6, 1)
    assert not prefill.branches
    assert prefill.macs == 2 * 6 * 6 * HIDDEN
    assert step.macs == 2 * 7 * HIDDEN
    assert prefill.values["use_cache_branch"] == (False,)
    assert step.values["use_cache_branch"] == (True,)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (("float[N, 3, 8, 8] image",), "no input for tokens"),
        ((IDS, WHOLE, "float[batch_size, 2, 64, 4] past_key_values.0.key"), "fixed length"),
    ],
)
def test_what_writes_no_tokens_is_refused(tmp_path, inputs, message):
    name = inputs[0].split()[-1]
    with pytest.raises((OptionError, NetworkError), match=message):
        open_decoder(saved(tmp_path, inputs, f"logits = Identity ({name})"))


def test_networks_that_are_no_decoders_are_refused(tmp_path):
    with pytest.raises(OptionError, match="these do: gpt2"):
        open_decoder("resnet18")
    with pytest.raises(OptionError, match="no further file"):
        open_decoder("gpt2", with_past=tmp_path / "a.onnx")
    with pytest.raises(NetworkError, match="does not exist"):
        open_decoder(tmp_path / "a.onnx")
    other = tmp_path / "a.tflite"
    other.write_bytes(b"")
    with pytest.raises(OptionError, match="ONNX files"):
        open_decoder(other)


def test_gpt2_of_the_zoo_counts_as_its_closed_form():
    layers, hidden, heads, vocabulary = 2, 64, 4, 100
    options = {"layers": layers, "hidden": hidden, "heads": heads, "vocabulary": vocabulary}
    for sequence, past in ((16, 0), (1, 40), (4, 8)):
        network = build("gpt2", sequence=sequence, past=past, batch=2, **options)
        block = 12 * hidden**2 * sequence + 2 * sequence * (past + sequence) * hidden
        assert network.macs == 2 * (layers * block + vocabulary * hidden * sequence)
        assert {network.tensors[name].shape for name in network.outputs[1:]} == {(2, heads, past + sequence, 16)}
        assert len(network.outputs) == 1 + 2 * layers


def test_gpt2_of_the_zoo_has_a_cache():
    lm = open_decoder("gpt2")
    assert lm.has_cache
    assert lm.step(5, 1).macs == build("gpt2", sequence=1, past=5).macs
    assert [tensor.shape for tensor in lm.caches_of(lm.step(5, 2))] == [(2, 12, 5, 64)] * 24
    assert lm.caches_of(lm.prefill(5, 1)) == ()
