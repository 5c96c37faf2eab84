"""The toy world and the training of the embedded model."""
