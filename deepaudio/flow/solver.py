"""Fixed-grid solvers of dx/dt = v(x, t)."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

Field = Callable[[Tensor, Tensor], Tensor]
Callback = Callable[[int, int], None]


def euler(
    field: Field,
    x: Float[Tensor, "*shape"],
    grid: Float[Tensor, " n"],
    callback: Callback | None = None,
) -> Float[Tensor, "*shape"]:
    """One evaluation per step at its beginning; first order.

    `field(x, t)` gets t as a 0-dimensional tensor on x's device; `callback(done, total)` is
    called after each step.
    """
    grid = grid.to(x.device)
    total = len(grid) - 1
    for i in range(total):
        x = x + (grid[i + 1] - grid[i]).to(x.dtype) * field(x, grid[i])
        if callback is not None:
            callback(i + 1, total)
    return x
