"""Least squares whose result does not depend on how many threads a linear algebra library uses."""

from __future__ import annotations

import numpy as np

from unicedit_assets.classical.colours import Array, Floats


def least_squares(basis: Array, values: Array) -> Floats:
    """Return the coefficients (terms, channels) that fit ``basis`` (n, terms) to ``values``.

    The sums run in one fixed order, in double precision; only the small normal equations are
    solved by LAPACK.
    """
    wide, goal = np.asarray(basis, np.float64), np.asarray(values, np.float64)
    gram = np.einsum("ni,nj->ij", wide, wide) + 1e-9 * np.eye(wide.shape[1])
    return np.asarray(np.linalg.solve(gram, np.einsum("ni,nc->ic", wide, goal)), np.float32)


def surface(basis: Array, coefficients: Floats) -> Floats:
    """Return the fitted values: ``basis`` (..., terms) times coefficients (terms, channels)."""
    return np.asarray(np.einsum("...i,ic->...c", basis, coefficients), np.float32)
