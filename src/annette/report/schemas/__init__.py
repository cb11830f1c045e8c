"""What every document of ``--json`` holds; `annette.report.schema` makes the JSON Schemas of these structures."""
