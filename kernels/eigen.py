"""The largest eigenvalues of a symmetric matrix and their vectors, by sums in a fixed order.

LAPACK's answer depends, in its last bits, on how many threads BLAS has. Here: reflections to a tridiagonal matrix,
bisection by Sturm counts for the eigenvalues, inverse iteration for the vectors (G. H. Golub and C. F. Van Loan, Matrix
Computations, 4th edition, 8.3.1, 8.4.1 and 8.2.2), and the reflections again. The work is 4/3 N^3, of which half is in
memory's time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit, summing_jit

_Floats = npt.NDArray[np.float64]

_BISECTIONS = 120
_ITERATIONS = 4


def _tridiagonal(a: _Floats, diagonal: _Floats, off: _Floats, beta: _Floats, reflectors: _Floats) -> None:
    """Reduce `a` [N, N], of which the lower triangle is read and spoiled; reflector j is I - beta[j] u u', u row j.

    The update of one step is made while the product of the next is taken: one walk through memory a step.
    """
    n = a.shape[0]
    v, w, p = np.zeros(n), np.zeros(n), np.zeros(n)
    for j in range(n - 1):
        if j > 0:
            for i in range(j, n):
                a[i, j] -= v[i] * w[j] + w[i] * v[j]
        diagonal[j] = a[j, j]
        u = reflectors[j]
        square = 0.0
        for i in range(j + 1, n):
            u[i] = a[i, j]
            square += u[i] * u[i]
        length = np.sqrt(square)
        alpha = -length if u[j + 1] > 0 else length
        off[j] = alpha
        u[j + 1] -= alpha
        norm = 0.0
        for i in range(j + 1, n):
            norm += u[i] * u[i]
        beta[j] = 2.0 / norm if norm > 0.0 else 0.0
        p[:] = 0.0
        for i in range(j + 1, n):
            row = a[i]
            if j > 0:
                vi, wi = v[i], w[i]
                for c in range(j + 1, i + 1):
                    row[c] -= vi * w[c] + wi * v[c]
            ui = u[i]
            total = 0.0
            for c in range(j + 1, i):
                total += row[c] * u[c]
                p[c] += row[c] * ui
            p[i] += total + row[i] * ui
        half = 0.0
        for i in range(j + 1, n):
            p[i] *= beta[j]
            half += p[i] * u[i]
        half *= 0.5 * beta[j]
        for i in range(j + 1, n):
            v[i] = u[i]
            w[i] = p[i] - half * u[i]
    if n > 1:
        a[n - 1, n - 1] -= 2.0 * v[n - 1] * w[n - 1]
    if n > 0:
        diagonal[n - 1] = a[n - 1, n - 1]


def _count_below(diagonal: _Floats, off: _Floats, x: float, tiny: float) -> int:
    """Return how many eigenvalues of a tridiagonal matrix are below x."""
    n = diagonal.shape[0]
    count = 0
    q = 1.0
    for i in range(n):
        q = diagonal[i] - x - (off[i - 1] * off[i - 1] / q if i > 0 else 0.0)
        if abs(q) < tiny:
            q = -tiny
        if q < 0.0:
            count += 1
    return count


_count_below_jit = jit(_count_below)


def _largest(diagonal: _Floats, off: _Floats, values: _Floats) -> None:
    """Fill `values` with the largest eigenvalues of a tridiagonal matrix, in falling order."""
    n = diagonal.shape[0]
    low, high = np.inf, -np.inf
    for i in range(n):
        radius = (abs(off[i - 1]) if i > 0 else 0.0) + (abs(off[i]) if i < n - 1 else 0.0)
        low = min(low, diagonal[i] - radius)
        high = max(high, diagonal[i] + radius)
    scale = max(abs(low), abs(high), 1e-300)
    tiny = 1e-16 * scale * 1e-6
    top = high + 1e-15 * scale
    for number in range(values.shape[0]):
        below, above = low - 1e-15 * scale, top
        for _ in range(_BISECTIONS):
            middle = 0.5 * (below + above)
            if middle <= below or middle >= above:
                break
            if _count_below_jit(diagonal, off, middle, tiny) >= n - number:
                above = middle
            else:
                below = middle
        values[number] = 0.5 * (below + above)
        top = above


def _vectors(diagonal: _Floats, off: _Floats, values: _Floats, vectors: _Floats) -> None:
    """Fill rows of `vectors` [K, N] by inverse iteration; those of near values are kept orthogonal to each other."""
    n = diagonal.shape[0]
    scale = 1e-300
    for i in range(n):
        scale = max(scale, abs(diagonal[i]) + (abs(off[i]) if i < n - 1 else 0.0))
    least = max(1e-16 * scale, 1e-200)  # stands for a pivot of zero
    upper, second, third = np.empty(n), np.empty(n), np.empty(n)
    factor = np.empty(n)
    swapped = np.zeros(n, dtype=np.bool_)
    for number in range(values.shape[0]):
        shift = values[number] + 1e-15 * scale * (number % 7)  # equal values would give equal vectors
        d, e = diagonal[0] - shift, (off[0] if n > 1 else 0.0)
        for i in range(n - 1):
            below, next_diagonal = off[i], diagonal[i + 1] - shift
            next_off = off[i + 1] if i + 1 < n - 1 else 0.0
            swapped[i] = abs(below) > abs(d)
            if swapped[i]:
                upper[i], second[i], third[i] = below, next_diagonal, next_off
                factor[i] = d / below
                d, e = e - factor[i] * next_diagonal, -factor[i] * next_off
            else:
                if abs(d) < least:
                    d = least
                upper[i], second[i], third[i] = d, e, 0.0
                factor[i] = below / d
                d, e = next_diagonal - factor[i] * e, next_off
        upper[n - 1] = d if abs(d) > least else least
        second[n - 1] = 0.0
        third[n - 1] = 0.0
        x = vectors[number]
        state = np.uint64(88172645463325252) + np.uint64(number)
        for i in range(n):
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            x[i] = 0.5 + np.float64(state >> np.uint64(12)) * 2.0**-52
        for turn in range(_ITERATIONS):
            if turn > 0:
                for i in range(n - 1):
                    if swapped[i]:
                        x[i], x[i + 1] = x[i + 1], x[i] - factor[i] * x[i + 1]
                    else:
                        x[i + 1] -= factor[i] * x[i]
            for i in range(n - 1, -1, -1):
                value = x[i]
                if i + 1 < n:
                    value -= second[i] * x[i + 1]
                if i + 2 < n:
                    value -= third[i] * x[i + 2]
                x[i] = value / upper[i]
            largest = 0.0
            for i in range(n):
                largest = max(largest, abs(x[i]))
            for i in range(n):
                x[i] /= largest
            for other in range(number - 1, -1, -1):
                if values[other] - values[number] > 1e-3 * scale:
                    break
                dot = 0.0
                for i in range(n):
                    dot += x[i] * vectors[other, i]
                for i in range(n):
                    x[i] -= dot * vectors[other, i]
            length = 0.0
            for i in range(n):
                length += x[i] * x[i]
            length = np.sqrt(length)
            for i in range(n):
                x[i] /= length


def _back(beta: _Floats, reflectors: _Floats, vectors: _Floats) -> None:
    """Turn the vectors of the tridiagonal matrix into those of the matrix it came from, in place."""
    n = reflectors.shape[0]
    for number in range(vectors.shape[0]):
        x = vectors[number]
        for j in range(n - 2, -1, -1):
            u = reflectors[j]
            dot = 0.0
            for i in range(j + 1, n):
                dot += u[i] * x[i]
            dot *= beta[j]
            for i in range(j + 1, n):
                x[i] -= dot * u[i]


_tridiagonal_jit = summing_jit(_tridiagonal)
_largest_jit = jit(_largest)
_vectors_jit = jit(_vectors)
_back_jit = summing_jit(_back)


def leading_eigenpairs(matrix: _Floats, k: int) -> tuple[_Floats, _Floats]:
    """Return the k largest eigenvalues of a symmetric matrix, largest first, and their vectors as rows [k, N].

    `matrix` float64[N, N], of which the lower triangle is read; k is at most N. The sign of a vector is arbitrary.

    Raises
    ------
    ValueError
        When the matrix is not square, or k is not between 0 and N.

    Examples
    --------
    >>> import numpy as np
    >>> values, vectors = leading_eigenpairs(np.array([[2.0, 1.0], [1.0, 2.0]]), 1)
    >>> values.round(9).tolist(), np.abs(vectors).round(3).tolist()
    ([3.0], [[0.707, 0.707]])
    """
    n = len(matrix)
    if matrix.shape != (n, n) or not 0 <= k <= n:
        raise ValueError(f"k must lie in 0..N of a square matrix, not {k} of {matrix.shape}")
    values, vectors = np.empty(k), np.empty((k, n))
    if k == 0:
        return values, vectors
    diagonal, off = np.zeros(n), np.zeros(max(n - 1, 0))
    beta, reflectors = np.zeros(n), np.zeros((n, n))
    lower = np.tril(matrix)
    size = max(float(np.abs(lower).max()), np.finfo(float).tiny)
    lower /= size  # squares of very small numbers would be zero
    _tridiagonal_jit(lower, diagonal, off, beta, reflectors)
    _largest_jit(diagonal, off, values)
    _vectors_jit(diagonal, off, values, vectors)
    _back_jit(beta, reflectors, vectors)
    return values * size, vectors
