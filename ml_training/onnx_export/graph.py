"""Builds an ONNX graph node by node."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

ML_DOMAIN = "ai.onnx.ml"
OPSETS = {"": 21, ML_DOMAIN: 5}  # the first with TreeEnsemble, whose numbers are double: onnx 1.16, onnxruntime 1.20
IR_VERSION = 10
LARGEST_FILE = 2_000_000_000  # bytes; what protobuf can write
FLOAT, DOUBLE, INT64, STRING = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.STRING
BOOL = TensorProto.BOOL


class Graph:
    """A graph under construction; a tensor is the name of the output of the node that makes it.

    columns: the names of the inputs to come, which no other tensor gets.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self._taken = set(columns)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, element_type: int) -> str:
        """An input of shape (rows, 1)."""
        self._inputs.append(helper.make_tensor_value_info(name, element_type, ["rows", 1]))
        return name

    def output(self, name: str, tensor: str, element_type: int, *shape: int) -> None:
        """An output of shape (rows, *shape); its name ends in `_` where a column has that name."""
        name = self._free(name)
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, element_type, ["rows", *shape]))

    def constant(self, values: NDArray[Any] | np.generic | float) -> str:
        """A constant; text is an array of objects."""
        name = self._free(f"constant.{len(self._constants)}")
        array = np.asarray(values)
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def node(self, operator: str, *tensors: str, domain: str = "", **attributes: Any) -> str:
        """The first output of a new node."""
        name = self._free(f"{operator}.{len(self._nodes)}")
        self._nodes.append(helper.make_node(operator, list(tensors), [name], domain=domain, **attributes))
        return name

    def cast(self, tensor: str, element_type: int) -> str:
        """The same numbers as another type."""
        return self.node("Cast", tensor, to=element_type)

    def columns(self, tensor: str, at: Sequence[int] | NDArray[Any]) -> str:
        """These columns of a matrix, in this order."""
        return self.node("Gather", tensor, self.constant(np.asarray(at, dtype=np.int64)), axis=1)

    def beside(self, tensors: Sequence[str]) -> str:
        """Matrices side by side."""
        return tensors[0] if len(tensors) == 1 else self.node("Concat", *tensors, axis=1)

    def build(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """The model; metadata: what it says of itself."""
        graph = helper.make_graph(self._nodes, "model", self._inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="ml-training")
        helper.set_model_props(model, metadata)
        return model

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name
