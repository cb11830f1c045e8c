"""The parts of `annette.network.builder.NetworkBuilder`, one family of operators a file."""
