"""Training steps, by TFMOT."""
