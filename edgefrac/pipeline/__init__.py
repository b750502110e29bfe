"""From end to end: a recipe to a checkpoint (study), a checkpoint to a bundle (export), a bundle checked (verify)."""
