"""One loop for every stage; a stage is a batch and a loss."""
