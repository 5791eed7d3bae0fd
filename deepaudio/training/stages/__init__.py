"""The stages of training, one a file, each exporting `build(recipe) -> Stage`."""
