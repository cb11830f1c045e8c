"""What the MYRIAD plug-in decides from the whole network: passes over its graph, tiling, where tensors lie."""
