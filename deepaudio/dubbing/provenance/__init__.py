"""Where an output comes from: a tag in it, and a signature where one is asked for."""
