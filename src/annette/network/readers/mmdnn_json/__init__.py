"""Reader of MMdnn's intermediate representation in its JSON form."""

from annette.network.readers.mmdnn_json.reader import parse_mmdnn

__all__ = ["parse_mmdnn"]
