"""What the two JSON formats of network descriptions share: layers as stated, what is mended, and their operators."""
