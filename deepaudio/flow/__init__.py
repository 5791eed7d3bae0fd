"""Flow matching on callables: paths, times, solvers, guidance, objective."""
