"""Weights of one byte: only for who asks, and only if the vectors hardly change."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import openvino as ov

LARGEST = 127


def quantize_weights(model: "ov.Model") -> int:
    """Replace the weights of every matrix product by int8 with a scale per output channel; returns how many.

    Symmetric: a weight is its int8 times its channel's largest weight over 127. Activations stay as they are, which
    is what keeps the vectors close; int8 activations brought the ten nearest down to .77 to .94 of the exact ones.
    """
    import openvino as ov
    import openvino.opset13 as ops

    replaced = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        weights = node.input_value(1).get_node()
        if weights.get_type_name() != "Constant" or len(weights.get_output_shape(0)) != 2:
            continue
        if weights.get_element_type() != ov.Type.f32:
            continue
        axis = 1 if node.get_attributes()["transpose_b"] else 0
        values = weights.data
        scale = np.abs(values).max(axis=axis, keepdims=True) / LARGEST
        scale[scale == 0] = 1
        small = np.clip(np.round(values / scale), -LARGEST, LARGEST).astype(np.int8)
        restored = ops.multiply(ops.convert(ops.constant(small), "f32"), ops.constant(scale.astype(np.float32)))
        node.input(1).replace_source_output(restored.output(0))
        replaced += 1
    return replaced
