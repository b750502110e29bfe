"""From a finished ONNX file to one in ONNX Runtime's own format, the same bytes whenever and wherever it is made."""

from __future__ import annotations

import tempfile
from pathlib import Path

import flatbuffers

from edgefrac.targets.flat_table import Table, add_table, add_vector
from edgefrac.targets.ort_metadata import IDENTIFIER, MODEL, seal
from edgefrac.targets.quiet import cannot_convert

_FATAL = 4
_VERSION, _RESOLVER = 0, 3
_ALIGNMENT = 64
_PLACEHOLDER = 1
_SETTINGS = {
    "session.save_model_format": "ORT",
    # said, or else it follows the processor that converts: types of activations stay as they are, and so do weights
    "session.qdqisint8allowed": "1",
    "session.x64quantprecision": "0",
}
_Resolver = dict[bytes, dict[bytes, list[tuple[int, int]]]]


def to_ort(onnx_file: bytes) -> bytes:
    """The finished .ort file with the graph, the contract and the outputs of a finished .onnx file, and its own seal.

    Layers are fused as on any processor: the next level of optimisation is for the one that converts. Raises
    ConversionError.
    """
    from edgefrac.targets.onnxruntime_import import ort

    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    for key, value in _SETTINGS.items():
        options.add_session_config_entry(key, value)
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder:
        written = Path(folder) / "model.ort"
        options.optimized_model_filepath = str(written)
        try:
            ort.InferenceSession(
                onnx_file,
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=["ConstantFolding"],  # which would make float32 kernels of float16 ones
            )
        except Exception as error:  # ONNX Runtime's own classes have no base but this
            raise cannot_convert("ORT", error) from error
        return seal(ordered(written.read_bytes()))


def ordered(data: bytes) -> bytes:
    """The file with its list of kernels' types sorted; ONNX Runtime writes it in another order each time.

    The list lies in front of the model, so that the model is left as it is, and a new front put before it.
    """
    root = Table.root(data)
    model, version = root.table(MODEL), root.blob(_VERSION).start - 4
    start = min(model.start, model.vtable)
    front = bytearray(_front(_resolver(root)))
    front += bytes(-(len(front) + len(data) - start) % _ALIGNMENT)  # what is aligned is so from the end of the file
    made = Table.root(bytes(front))
    for index, target in ((MODEL, model.start), (_VERSION, version)):
        place = made.place(index)
        assert place is not None
        front[place : place + 4] = (len(front) + target - start - place).to_bytes(4, "little")
    return bytes(front) + data[start:]


def _resolver(root: Table) -> _Resolver:
    """Operator -> type parameter -> its arguments (0 for an input or 1 for an output, number), as they are."""
    return {
        root.data[operator.blob(0)]: {
            root.data[entry.blob(0)]: [(argument.byte(0), argument.u32(1)) for argument in entry.tables(1)]
            for entry in operator.tables(1)
        }
        for operator in root.table(_RESOLVER).tables(0)
    }


def _front(resolver: _Resolver) -> bytes:
    """The root table with the resolver, and placeholders for the model and the format's version."""
    builder = flatbuffers.Builder(1 << 12)
    operators = []
    for operator, parameters in sorted(resolver.items()):
        entries = []
        for parameter, arguments in sorted(parameters.items()):
            places = [add_table(builder, 2, {}, {0: kind}, {1: number}) for kind, number in arguments]
            fields = {0: builder.CreateString(parameter), 1: add_vector(builder, places)}
            entries.append(add_table(builder, 2, fields))
        fields = {0: builder.CreateString(operator), 1: add_vector(builder, entries)}
        operators.append(add_table(builder, 2, fields))
    made = add_table(builder, 1, {0: add_vector(builder, operators)})
    root = add_table(builder, 4, {_RESOLVER: made}, numbers={MODEL: _PLACEHOLDER, _VERSION: _PLACEHOLDER})
    builder.Finish(root, file_identifier=IDENTIFIER)
    return bytes(builder.Output())
