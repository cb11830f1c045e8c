"""What the compiler of the Arm Ethos-U decides from a whole network, simulated."""
