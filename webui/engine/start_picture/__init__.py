"""The picture that a job begins with: read, brought to its size, and matched in colour."""
