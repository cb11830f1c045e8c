"""Reader of the original ANNETTE's network descriptions."""

from annette.network.readers.annette_json.reader import parse_annette

__all__ = ["parse_annette"]
