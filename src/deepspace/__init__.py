"""See the space that a deep generative model has learned from your data."""
