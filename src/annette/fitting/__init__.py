"""From datasets to platforms: mapping models, layer models, overheads, intervals."""
