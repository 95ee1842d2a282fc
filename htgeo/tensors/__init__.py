"""Cubes as arrays for learners, and back."""

from htgeo.tensors.matrix import Matrix, to_matrix
from htgeo.tensors.npz import Samples, read_npz, write_npz
from htgeo.tensors.sequences import SequenceBlock, Sequences, to_sequences

__all__ = ["Matrix", "Samples", "SequenceBlock", "Sequences", "read_npz", "to_matrix", "to_sequences", "write_npz"]
