"""What can be said of a set of vectors, in plain numpy: shapes stand in the docstrings."""

from precedent.quality.measures.rows import RowMeasures
from precedent.quality.measures.texts import Canary, TitleToBody, canary, row_cosines, title_to_body
from precedent.quality.measures.vector_shape import (
    ShapeMeasures,
    Vectors,
    nearest_cosines,
    normalised,
    projection,
    shape,
)

__all__ = [
    "Canary",
    "RowMeasures",
    "ShapeMeasures",
    "TitleToBody",
    "Vectors",
    "canary",
    "nearest_cosines",
    "normalised",
    "projection",
    "row_cosines",
    "shape",
    "title_to_body",
]
