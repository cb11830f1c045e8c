"""Reader of the original ANNETTE's network descriptions."""

from annette.network.readers.annette_json.reader import parse_annette, read_annette_json

__all__ = ["parse_annette", "read_annette_json"]
