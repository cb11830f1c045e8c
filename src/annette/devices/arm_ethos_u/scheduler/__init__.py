"""What Vela decides from the whole network: order of execution, block configurations, where tensors lie, cycles."""
