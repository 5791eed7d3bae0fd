"""From predictions to the paper's tables."""
