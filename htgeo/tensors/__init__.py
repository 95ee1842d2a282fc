"""Cubes as arrays for learners, and back."""

from htgeo.tensors.matrix import Matrix, to_matrix

__all__ = ["Matrix", "to_matrix"]
