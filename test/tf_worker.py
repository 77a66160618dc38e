"""TensorFlow in a process of its own, which reads a command a line from standard input and answers with a line of JSON.

TensorFlow must not share a process with torch, and its import takes seconds: serving.py starts this once for a whole run of
pytest. The codec below is what both sides use; nothing above main() imports TensorFlow.
"""

import base64
import concurrent.futures
import contextlib
import functools
import io
import json
import os
import resource
import shutil
import sys
import traceback

import ml_dtypes
import numpy as np


def dtype_of(name):
    return np.dtype(getattr(ml_dtypes, name, None) or name)


def encode(x):
    """A tree of dicts, lists, tuples, arrays, numbers, strings and None as JSON can hold it."""
    if isinstance(x, dict):
        return {"dict": [[k, encode(v)] for k, v in x.items()]}
    if isinstance(x, (list, tuple)):
        return {"tuple" if isinstance(x, tuple) else "list": [encode(v) for v in x]}
    if isinstance(x, (np.ndarray, np.generic)):
        data = np.ascontiguousarray(x).tobytes()
        return {"array": [x.dtype.name, list(x.shape), base64.b64encode(data).decode()]}
    return {"value": x}


def decode(x):
    ((kind, v),) = x.items()
    if kind == "dict":
        return {k: decode(e) for k, e in v}
    if kind == "list":
        return [decode(e) for e in v]
    if kind == "tuple":
        return tuple(decode(e) for e in v)
    if kind == "array":
        return np.frombuffer(base64.b64decode(v[2]), dtype_of(v[0])).reshape(v[1]).copy()
    return v


def variables_of(obj):
    """torch_xla's converter keeps them under another name than tf.Module does."""
    return getattr(obj, "variables", None) or getattr(obj, "_variables", ())


def field_of(f):
    """A field of a protobuf descriptor. type: that of a .proto ("int32", "bytes"), "enum", or "message"."""
    types = {getattr(f, t): t[5:].lower() for t in dir(f) if t.startswith("TYPE_")}
    return {
        "number": f.number,
        "type": types[f.type],
        "repeated": f.is_repeated,
        "message": f.message_type.full_name if f.message_type else None,
        "oneof": f.containing_oneof.name if f.containing_oneof else None,
    }


def serving_message(name):
    """A message of tensorflow_serving/apis (prediction_log.proto, predict.proto, model.proto), as far as tensors go in and out: the
    tensorflow package has none of them."""
    pool = serving_pool()
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(pool.FindMessageTypeByName("serving." + name))


@functools.cache
def serving_pool():
    from google.protobuf import descriptor_pb2, descriptor_pool
    from tensorflow.core.framework import tensor_pb2

    messages = {
        "ModelSpec": [("name", 1, None), ("signature_name", 3, None)],
        "InputsEntry": [("key", 1, None), ("value", 2, "tensorflow.TensorProto")],
        "PredictRequest": [("model_spec", 1, "serving.ModelSpec"), ("inputs", 2, "serving.PredictRequest.InputsEntry")],
        "OutputsEntry": [("key", 1, None), ("value", 2, "tensorflow.TensorProto")],
        "PredictResponse": [("outputs", 1, "serving.PredictResponse.OutputsEntry"), ("model_spec", 2, "serving.ModelSpec")],
        "PredictLog": [("request", 1, "serving.PredictRequest")],
        "PredictionLog": [("predict_log", 6, "serving.PredictLog")],
    }
    file = descriptor_pb2.FileDescriptorProto(
        name="serving.proto", package="serving", syntax="proto3", dependency=[tensor_pb2.DESCRIPTOR.name])
    kinds = descriptor_pb2.FieldDescriptorProto
    made = {}
    for name, fields in messages.items():
        made[name] = m = descriptor_pb2.DescriptorProto(name=name)
        for field, number, of in fields:
            m.field.add(name=field, number=number, type=kinds.TYPE_MESSAGE if of else kinds.TYPE_STRING, type_name=of and "." + of,
                        label=kinds.LABEL_REPEATED if field in ("inputs", "outputs") else kinds.LABEL_OPTIONAL)
    for name, entry in (("PredictRequest", "InputsEntry"), ("PredictResponse", "OutputsEntry")):
        made[entry].options.map_entry = True
        made[name].nested_type.append(made.pop(entry))
    file.message_type.extend(made.values())
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


# -- commands: each is a method, its arguments and result are such trees -------------------------------------------


class Worker:
    def __init__(self, tf):
        self.tf = tf
        self.loaded = {}        # by the number that load() gave
        self.sessions = {}

    # tf.saved_model.load: the object graph

    def load(self, path):
        """A number for the object, and what there is to see of it."""
        obj = self.tf.saved_model.load(path)
        number = len(self.loaded)
        self.loaded[number] = obj
        return {
            "object": number,
            "callable": callable(obj),
            "methods": sorted(n for n in dir(obj) if n[0] != "_" and hasattr(getattr(obj, n), "concrete_functions")),
            "signatures": {k: self._signature(f) for k, f in obj.signatures.items()},
            "variables": [self._variable(v) for v in variables_of(obj)],
        }

    def _spec(self, t):
        return {"dtype": t.dtype.name, "shape": None if t.shape.rank is None else t.shape.as_list()}

    def _signature(self, f):
        inputs = f.structured_input_signature[1]
        return {
            "inputs": {k: self._spec(t) for k, t in inputs.items()},
            "outputs": {k: self._spec(t) for k, t in f.structured_outputs.items()},
        }

    def _variable(self, v):
        return {"name": v.name, "trainable": v.trainable, **self._spec(v)}

    def variables(self, number):
        return {v.name: v.numpy() for v in variables_of(self.loaded[number])}

    def _tensors(self, x):
        return self.tf.nest.map_structure(lambda v: self.tf.constant(v) if isinstance(v, np.ndarray) else v, x)

    def _numpy(self, x):
        if isinstance(x, dict):
            return {k: self._numpy(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            return [self._numpy(v) for v in x] if isinstance(x, list) else tuple(self._numpy(v) for v in x)
        return x.numpy() if self.tf.is_tensor(x) else x

    def signature(self, number, key, inputs):
        return self._numpy(self.loaded[number].signatures[key](**self._tensors(inputs)))

    def call(self, number, method, args, kwargs):
        """obj(...) when method is None, else obj.method(...)."""
        f = self.loaded[number] if method is None else getattr(self.loaded[number], method)
        return self._numpy(f(*self._tensors(args), **self._tensors(kwargs)))

    def call_numpy(self, number, method, args):
        """obj.method(...) of arrays, which TensorFlow takes into the types of its signature."""
        return self._numpy(getattr(self.loaded[number], method)(*args))

    def call_in_function(self, number, key, inputs):
        """The signature called in a tf.function of the user's own, which is then compiled by XLA."""
        f = self.loaded[number].signatures[key]
        return self._numpy(self.tf.function(lambda **kw: f(**kw), jit_compile=True)(**self._tensors(inputs)))

    def gradient_free(self, number):
        return [v.name for v in getattr(self.loaded[number], "trainable_variables", ())]

    def resave(self, number, path):
        """Loaded objects can be part of what TensorFlow saves again."""
        obj = self.loaded[number]
        self.tf.saved_model.save(obj, path, signatures=dict(obj.signatures))

    def forget(self):
        for session in self.sessions.values():
            session.close()
        self.loaded.clear()
        self.sessions.clear()

    # the session loader, as in TF Serving

    def session(self, path, key, inputs, again=False):
        """Runs a signature. again: in the session of the last call for this path."""
        v1 = self.tf.compat.v1
        if path not in self.sessions or not again:
            if path in self.sessions:
                self.sessions.pop(path).close()
            graph = self.tf.Graph()
            session = v1.Session(graph=graph)
            with graph.as_default():
                session.meta = v1.saved_model.loader.load(session, ["serve"], path)
            self.sessions[path] = session
        session = self.sessions[path]
        signature = session.meta.signature_def[key]
        feeds = {signature.inputs[k].name: v for k, v in inputs.items()}
        return session.run({k: t.name for k, t in signature.outputs.items()}, feeds)

    # tools

    def cli(self, *args):
        """saved_model_cli's main(): exit code and what it printed."""
        from absl import flags
        from tensorflow.python.tools import saved_model_cli

        for command in saved_model_cli.command_required_flags:       # absl remembers what an earlier command required
            saved_model_cli.command_required_flags[command] = []
        for flag in flags.FLAGS.flags_by_module_dict()[saved_model_cli.__name__]:
            flag.unparse()
        sys.argv = ["saved_model_cli", *args]
        code, printed = 0, io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                saved_model_cli.main()
            except SystemExit as x:
                code = x.code or 0
        return {"code": code, "out": printed.getvalue()}

    def tflite(self, path, key, inputs, select_tf_ops=False):
        converter = self.tf.lite.TFLiteConverter.from_saved_model(path, signature_keys=[key])
        if select_tf_ops:
            ops = self.tf.lite.OpsSet
            converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS, ops.SELECT_TF_OPS]
        interpreter = self.tf.lite.Interpreter(model_content=converter.convert())
        return self._numpy(interpreter.get_signature_runner(key)(**inputs))

    def tfsm(self, path, endpoint, args, kwargs):
        import keras

        layer = keras.layers.TFSMLayer(path, call_endpoint=endpoint)
        out = layer(*self._tensors(args), **self._tensors(kwargs))
        return {"result": self._numpy(out), "weights": len(layer.weights)}

    def reference(self, directory, path, key="serving_default", alias=""):
        """What torch_xla's converter makes of a StableHLO directory."""
        import tf_reference

        shutil.rmtree(path, ignore_errors=True)
        tf_reference.save(directory, path, key, alias)

    # looking into files

    def meta_graph(self, path):
        """What a SavedModel says beside its graph: tags, signatures with tensor names, aliases, versions, ops."""
        from tensorflow.core.protobuf import saved_model_pb2

        saved = saved_model_pb2.SavedModel()
        with open(os.path.join(path, "saved_model.pb"), "rb") as f:
            saved.ParseFromString(f.read())
        (graph,) = saved.meta_graphs
        library = graph.graph_def.library.function
        nodes = [*graph.graph_def.node, *(n for f in library for n in f.node_def)]
        modules = [n for n in nodes if n.op == "XlaCallModule"]
        return {
            "schema": saved.saved_model_schema_version,
            "tags": list(graph.meta_info_def.tags),
            "aliases": dict(graph.meta_info_def.function_aliases),
            "producer": graph.graph_def.versions.producer,
            "signatures": {k: self._signature_def(s) for k, s in graph.signature_def.items()},
            "ops": sorted({n.op for n in nodes}),
            "modules": [{"version": n.attr["version"].i, "platforms": [p.decode() for p in n.attr["platforms"].list.s]}
                        for n in modules],
            "functions": [f.signature.name for f in library],
        }

    def _signature_def(self, s):
        def info(t):
            dims = None if t.tensor_shape.unknown_rank else [d.size for d in t.tensor_shape.dim]
            return {"dtype": self.tf.as_dtype(t.dtype).name if t.dtype else None, "shape": dims, "tensor": t.name}

        return {
            "method": s.method_name,
            "inputs": {k: info(t) for k, t in s.inputs.items()},
            "outputs": {k: info(t) for k, t in s.outputs.items()},
        }

    def checkpoint(self, path):
        """Names, shapes and types in variables/, as TensorFlow's own reader sees them."""
        reader = self.tf.train.load_checkpoint(os.path.join(path, "variables", "variables"))
        shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        return {k: [types[k].name, list(shapes[k])] for k in sorted(shapes)}

    def checkpoint_value(self, path, name):
        return self.tf.train.load_checkpoint(os.path.join(path, "variables", "variables")).get_tensor(name)

    def fingerprint(self, path):
        f = self.tf.saved_model.experimental.read_fingerprint(path)
        return {k: str(getattr(f, k)) for k in (
            "saved_model_checksum", "graph_def_program_hash", "signature_def_hash", "saved_object_graph_hash",
            "checkpoint_hash", "version")}

    def warmup(self, path):
        """The requests in assets.extra: (signature, arrays by name) of each record."""
        file = os.path.join(path, "assets.extra", "tf_serving_warmup_requests")
        logs = [serving_message("PredictionLog").FromString(r.numpy()) for r in self.tf.data.TFRecordDataset(file)]
        requests = [log.predict_log.request for log in logs]
        return [(r.model_spec.signature_name, {k: self.tf.make_ndarray(t) for k, t in r.inputs.items()}) for r in requests]

    def predict(self, address, model, key, inputs, clients, times):
        """The outputs of `times` requests that `clients` threads send to a model server's gRPC port."""
        import grpc

        request = serving_message("PredictRequest")()
        request.model_spec.name, request.model_spec.signature_name = model, key
        for name, a in inputs.items():
            request.inputs[name].CopyFrom(self.tf.make_tensor_proto(a))
        with grpc.insecure_channel(address) as channel, concurrent.futures.ThreadPoolExecutor(clients) as pool:
            call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict",
                                       request_serializer=lambda m: m.SerializeToString(),
                                       response_deserializer=serving_message("PredictResponse").FromString)
            answers = list(pool.map(lambda _: call(request, timeout=60), range(times)))
        return [{k: self.tf.make_ndarray(t) for k, t in a.outputs.items()} for a in answers]

    def descriptors(self):
        """Every message that is reachable from those of a SavedModel's files: {name: {field: {number, type, ...}}}."""
        from tensorflow.core.protobuf import fingerprint_pb2, saved_model_pb2, tensor_bundle_pb2, trackable_object_graph_pb2

        files = (fingerprint_pb2, saved_model_pb2, tensor_bundle_pb2, trackable_object_graph_pb2)
        found, waiting = {}, [m for f in files for m in f.DESCRIPTOR.message_types_by_name.values()]
        while waiting:
            m = waiting.pop()
            if m.full_name not in found:
                found[m.full_name] = {f.name: field_of(f) for f in m.fields}
                waiting += [f.message_type for f in m.fields if f.message_type]
        return found

    def version(self):
        return {"tensorflow": self.tf.__version__, "maxrss_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)               # what TensorFlow prints is for the log
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    worker = Worker(tf)
    print(json.dumps({"ok": encode(tf.__version__)}), file=answers)
    for line in sys.stdin:
        command, args, kwargs = decode(json.loads(line))
        try:
            answer = {"ok": encode(getattr(worker, command)(*args, **kwargs))}
        except Exception as x:
            traceback.print_exc()
            answer = {"error": f"{type(x).__name__}: {x}"}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
