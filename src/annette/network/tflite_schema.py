"""The TFLite file format: its tables, operators and element types, as far as annette reads and writes them.

The numbers are those of TensorFlow Lite's public schema (schema.fbs, version 3). A table's fields are listed by
position, which the format never changes: fields are only added at the end, so that files of any age decode alike.
"""

from __future__ import annotations

from typing import Final

from annette.network.tensor import DType

__all__ = ["ACTIVATIONS", "DTYPES", "IDENTIFIER", "OPERATORS", "OPTIONS", "SAME", "TABLES", "VALID"]

IDENTIFIER: Final = b"TFL3"
"""The four bytes at offset 4 that tell a TFLite file."""

SAME: Final = 0
VALID: Final = 1
"""Values of ``padding``."""

ACTIVATIONS: Final = ("none", "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit")
"""Values of ``fused_activation_function``."""

_OPERATORS: Final = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX
SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD
UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE
BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL
LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT
RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR
LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK
ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4
NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE
READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL
GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG
STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT
STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE
STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
STABLEHLO_CASE
"""
OPERATORS: Final = tuple(_OPERATORS.split())
"""Built-in operators by their code."""

_OPTIONS: Final = """
NONE Conv2D DepthwiseConv2D ConcatEmbeddings LSHProjection Pool2D SVDF RNN FullyConnected Softmax
Concatenation Add L2Norm LocalResponseNormalization LSTM ResizeBilinear Call Reshape SkipGram SpaceToDepth
EmbeddingLookupSparse Mul Pad Gather BatchToSpaceND SpaceToBatchND Transpose Reducer Sub Div Squeeze
SequenceRNN StridedSlice Exp TopKV2 Split LogSoftmax Cast Dequantize MaximumMinimum ArgMax Less Neg PadV2
Greater GreaterEqual LessEqual Select Slice TransposeConv SparseToDense Tile ExpandDims Equal NotEqual Shape
Pow ArgMin FakeQuant Pack LogicalOr OneHot LogicalAnd LogicalNot Unpack FloorDiv Square ZerosLike Fill
BidirectionalSequenceLSTM BidirectionalSequenceRNN UnidirectionalSequenceLSTM FloorMod Range
ResizeNearestNeighbor LeakyRelu SquaredDifference MirrorPad Abs SplitV Unique ReverseV2 AddN GatherNd Cos
Where Rank ReverseSequence MatrixDiag Quantize MatrixSetDiag HardSwish If While DepthToSpace
NonMaxSuppressionV4 NonMaxSuppressionV5 ScatterNd SelectV2 Densify SegmentSum BatchMatMul Cumsum CallOnce
BroadcastTo Rfft2d Conv3D Hashtable HashtableFind HashtableImport HashtableSize VarHandle ReadVariable
AssignVariable Random Bucketize Gelu DynamicUpdateSlice UnsortedSegmentProd UnsortedSegmentMax
UnsortedSegmentMin UnsortedSegmentSum ATan2 Sign Bitcast BitwiseXor RightShift
"""
OPTIONS: Final = tuple(_OPTIONS.split())
"""Members of the union ``BuiltinOptions`` by their code, without the ``Options`` at the end of their names."""

DTYPES: Final = (
    DType.FLOAT32,
    DType.FLOAT16,
    DType.INT32,
    DType.UINT8,
    DType.INT64,
    DType.STRING,
    DType.BOOL,
    DType.INT16,
    DType.COMPLEX64,
    DType.INT8,
    DType.FLOAT64,
    DType.COMPLEX128,
    DType.UINT64,
    DType.INT64,  # a resource: a handle
    DType.INT64,  # a variant: a handle
    DType.UINT32,
    DType.UINT16,
    DType.INT4,
    DType.BFLOAT16,
    DType.INT2,
    DType.UINT4,
    DType.FLOAT8,
    DType.FLOAT8,
)
"""Element types by their code."""

_ACTIVATED = (("fused_activation_function", "int8"),)
_PADDED = (("padding", "int8"),)
_STRIDES = (("stride_w", "int32"), ("stride_h", "int32"))
_DILATIONS = (("dilation_w_factor", "int32"), ("dilation_h_factor", "int32"))
_RESIZED = (("align_corners", "bool"), ("half_pixel_centers", "bool"))

TABLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "Model": (
        ("version", "uint32"),
        ("operator_codes", "[OperatorCode]"),
        ("subgraphs", "[SubGraph]"),
        ("description", "string"),
        ("buffers", "[Buffer]"),
    ),
    "OperatorCode": (
        ("deprecated_builtin_code", "int8"),
        ("custom_code", "string"),
        ("version", "int32"),
        ("builtin_code", "int32"),
    ),
    "SubGraph": (
        ("tensors", "[Tensor]"),
        ("inputs", "[int32]"),
        ("outputs", "[int32]"),
        ("operators", "[Operator]"),
        ("name", "string"),
    ),
    "Tensor": (
        ("shape", "[int32]"),
        ("type", "int8"),
        ("buffer", "uint32"),
        ("name", "string"),
        ("quantization", "Quantization"),
        ("is_variable", "bool"),
        ("sparsity", "opaque"),
        ("shape_signature", "[int32]"),
    ),
    "Quantization": (
        ("min", "[float32]"),
        ("max", "[float32]"),
        ("scale", "[float32]"),
        ("zero_point", "[int64]"),
        ("details_type", "uint8"),
        ("details", "opaque"),
        ("quantized_dimension", "int32"),
    ),
    "Operator": (
        ("opcode_index", "uint32"),
        ("inputs", "[int32]"),
        ("outputs", "[int32]"),
        ("builtin_options_type", "uint8"),
        ("builtin_options", "options"),
    ),
    "Buffer": (("data", "[byte]"), ("offset", "uint64"), ("size", "uint64")),
    "Conv2D": (*_PADDED, *_STRIDES, *_ACTIVATED, *_DILATIONS),
    "Conv3D": (*_PADDED, ("stride_d", "int32"), *_STRIDES, *_ACTIVATED, ("dilation_d_factor", "int32"), *_DILATIONS),
    "DepthwiseConv2D": (*_PADDED, *_STRIDES, ("depth_multiplier", "int32"), *_ACTIVATED, *_DILATIONS),
    "TransposeConv": (*_PADDED, *_STRIDES, *_ACTIVATED),
    "FullyConnected": (
        *_ACTIVATED,
        ("weights_format", "int8"),
        ("keep_num_dims", "bool"),
        ("asymmetric_quantize_inputs", "bool"),
    ),
    "Pool2D": (*_PADDED, *_STRIDES, ("filter_width", "int32"), ("filter_height", "int32"), *_ACTIVATED),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "L2Norm"), _ACTIVATED),
    "Concatenation": (("axis", "int32"), *_ACTIVATED),
    "Softmax": (("beta", "float32"),),
    "Reshape": (("new_shape", "[int32]"),),
    "Squeeze": (("squeeze_dims", "[int32]"),),
    "Reducer": (("keep_dims", "bool"),),
    "StridedSlice": (
        ("begin_mask", "int32"),
        ("end_mask", "int32"),
        ("ellipsis_mask", "int32"),
        ("new_axis_mask", "int32"),
        ("shrink_axis_mask", "int32"),
    ),
    "Gather": (("axis", "int32"), ("batch_dims", "int32")),
    "BatchMatMul": (("adj_x", "bool"), ("adj_y", "bool")),
    "Pack": (("values_count", "int32"), ("axis", "int32")),
    "Unpack": (("num", "int32"), ("axis", "int32")),
    **dict.fromkeys(("Split", "SplitV"), (("num_splits", "int32"),)),
    "LeakyRelu": (("alpha", "float32"),),
    **dict.fromkeys(("SpaceToDepth", "DepthToSpace"), (("block_size", "int32"),)),
    "ResizeBilinear": (("new_height", "int32"), ("new_width", "int32"), *_RESIZED),
    "ResizeNearestNeighbor": _RESIZED,
    "Gelu": (("approximate", "bool"),),
    "Cast": (("in_data_type", "int8"), ("out_data_type", "int8")),
    "LocalResponseNormalization": (
        ("radius", "int32"),
        ("bias", "float32"),
        ("alpha", "float32"),
        ("beta", "float32"),
    ),
    "UnidirectionalSequenceLSTM": (
        *_ACTIVATED,
        ("cell_clip", "float32"),
        ("proj_clip", "float32"),
        ("time_major", "bool"),
    ),
    "SequenceRNN": (("time_major", "bool"), *_ACTIVATED),
    "MirrorPad": (("mode", "int8"),),
    **dict.fromkeys(
        ("Abs", "Exp", "HardSwish", "MaximumMinimum", "Pad", "PadV2", "Quantize", "SelectV2", "Tile", "Transpose"), ()
    ),
    "While": (("cond_subgraph_index", "int32"), ("body_subgraph_index", "int32")),
    "If": (("then_subgraph_index", "int32"), ("else_subgraph_index", "int32")),
}
"""Fields of each table by position, as ``(name, type)``.

Types are scalars, ``string``, ``[scalar]``, ``[string]``, ``[Table]``, ``Table``, ``[byte]`` (bytes that are handed
over as they are), ``options`` (a union: the table that the field of its name with ``_type`` behind names) and
``opaque`` (not looked at).
"""
