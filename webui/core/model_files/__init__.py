"""What a model file is, known from its first bytes: no torch, and no weight is read."""
