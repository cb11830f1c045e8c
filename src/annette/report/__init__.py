"""Plain data once; text and JSON render it."""
