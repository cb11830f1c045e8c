"""Which operators a saved model of TensorFlow is made of, read without TensorFlow, which would load what it reads.

Of the format (``saved_model.proto`` and what it imports) only the fields on the way to the operators' names are known
here; protobuf passes over all others.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from annette.errors import NetworkFormatError
from annette.files import open_regular

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SAVED_MODEL_FILE", "check_operators"]

SAVED_MODEL_FILE: Final = "saved_model.pb"
"""What makes a folder a model of TensorFlow."""

_FIELDS: Final = {
    "SavedModel": (("meta_graphs", 2, "MetaGraph"),),
    "MetaGraph": (("graph", 2, "Graph"),),
    "Graph": (("nodes", 1, "Node"), ("library", 2, "Library")),
    "Library": (("functions", 1, "Function"),),
    "Function": (("nodes", 3, "Node"),),
    "Node": (("op", 2, None),),
}
"""Fields of each message: name, number, and the message that they hold or None for text."""
_LARGEST: Final = 2**31 - 1
"""Bytes of the largest message that protobuf takes."""
_REFUSED: Final = frozenset(
    {
        "Abort", "BigQueryReader", "CacheDataset", "CacheDatasetV2", "CloseSummaryWriter", "CopyToMesh",
        "CreateSummaryDbWriter", "CreateSummaryFileWriter", "DataServiceDataset", "DataServiceDatasetV2",
        "DatasetToTFRecord", "DebugIdentity", "DebugIdentityV2", "DecodeProtoV2", "DistributedSave", "DumpGraph",
        "EagerPyFunc", "EncodeProto", "FileSystemSetConfiguration", "FixedLengthRecordDataset",
        "FixedLengthRecordDatasetV2", "FixedLengthRecordReader", "FixedLengthRecordReaderV2", "GenerateVocabRemapping",
        "ImportEvent", "InitializeTableFromTextFile", "InitializeTableFromTextFileV2", "IteratorGetDevice",
        "LMDBDataset", "LMDBReader", "LoadAndRemapMatrix", "LoadDataset", "LoadLibrary", "MatchingFiles",
        "MatchingFilesDataset", "Print", "PrintV2", "PyFunc", "PyFuncStateless", "ReadFile", "ReaderReadV2",
        "RemoteCall", "Save", "SaveDataset", "SaveDatasetV2", "SaveSlices", "SnapshotDataset", "SnapshotDatasetV2",
        "SqlDataset", "TFRecordDataset", "TFRecordDatasetV2", "TFRecordReader", "TFRecordReaderV2", "TPUCompile",
        "TextLineDataset", "TextLineReader", "TextLineReaderV2", "WholeFileReader", "WholeFileReaderV2",
        "WriteAudioSummary", "WriteFile", "WriteGraphSummary", "WriteHistogramSummary", "WriteImageSummary",
        "WriteRawProtoSummary", "WriteScalarSummary", "WriteSummary", "XlaLaunch",
    }
)  # fmt: skip
"""Operators that reach beyond the model. ``SaveV2`` and ``RestoreV2`` are in every saved model, and so are not among
them: what keeps the exporting process from writing elsewhere is `annette.network.readers.frameworks.confinement`."""


def check_operators(folder: Path) -> None:
    """Refuses a saved model with operators that read or write files or run Python.

    Args:
        folder: The saved model; its content is untrusted data. Memory follows from the size of its file.

    Raises:
        NetworkFormatError: It is no saved model, or has such operators.
    """
    with open_regular(folder / SAVED_MODEL_FILE, error=NetworkFormatError) as file:
        if os.fstat(file.fileno()).st_size > _LARGEST:
            raise NetworkFormatError(f"{folder} describes more than any network does: {SAVED_MODEL_FILE} is over 2 GiB")
        data = file.read()
    stored = _message()()
    try:
        stored.ParseFromString(data)
    except DecodeError as error:
        raise NetworkFormatError(f"{folder} is damaged: its {SAVED_MODEL_FILE} does not parse") from error
    names = {
        node.op
        for graph in (each.graph for each in stored.meta_graphs)
        for nodes in (graph.nodes, *(function.nodes for function in graph.library.functions))
        for node in nodes
    }
    if not names:
        raise NetworkFormatError(f"{folder} holds no graph: its {SAVED_MODEL_FILE} has no operators")
    found = sorted(_REFUSED.intersection(name.decode("utf-8", "replace") for name in names))
    if found:
        raise NetworkFormatError(
            f"{folder} has operators that read or write files or run Python ({', '.join(found)}): it is not loaded; "
            "export it to ONNX where it is trusted"
        )


@cache
def _message() -> Any:
    """The class of a saved model, with the fields of `_FIELDS`."""
    package = "annette.saved_model"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, held in fields:
            described = message.field.add(name=field, number=number)
            many = field != "op" and field not in ("graph", "library")
            described.label = described.LABEL_REPEATED if many else described.LABEL_OPTIONAL
            described.type = described.TYPE_MESSAGE if held else described.TYPE_BYTES
            if held:
                described.type_name = f".{package}.{held}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.SavedModel"))
