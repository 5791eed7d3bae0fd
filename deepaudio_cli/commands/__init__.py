"""One command a file; heavy imports stay inside the command bodies."""
