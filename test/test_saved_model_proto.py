"""src/savedmodel/*.proto against TensorFlow's own descriptors: each field has its name, number, type and place in a oneof.

An enumeration is int32 in ours, which is the same on the wire; a map is a repeated entry of key and value, which is what a map
is; a message that is not looked into may be bytes, and a oneof need not be said.
"""

import re

import pytest

from serving import ROOT, needs_tensorflow, tensorflow  # noqa: F401 (a fixture)

WRITTEN = "SavedModel", "FingerprintDef", "BundleHeaderProto", "BundleEntryProto", "TrackableObjectGraph"
READ = "SavedModel", "BundleHeaderProto", "BundleEntryProto", "TrackableObjectGraph"

# What the tensorflow package has not: tensorflow_serving/apis/prediction_log.proto, predict.proto and model.proto of
# https://github.com/tensorflow/serving, read at its release 2.19.
SERVING = {
    "PredictionLog": {"predict_log": (6, "PredictLog", False)},
    "PredictLog": {"request": (1, "PredictRequest", False)},
    "PredictRequest": {"model_spec": (1, "ModelSpec", False), "inputs": (2, "PredictRequest.InputsEntry", True)},
    "PredictRequest.InputsEntry": {"key": (1, "string", False), "value": (2, "TensorProto", False)},
    "ModelSpec": {"name": (1, "string", False), "signature_name": (3, "string", False)},
}


def parse(path):
    """{message: {field: {number, type, repeated, oneof}}} of a .proto; nested messages as "Outer.Inner"."""
    text = re.sub(r"//.*", "", path.read_text())
    tokens = re.findall(r"[\w.]+|[{}=;]|\"[^\"]*\"", text)
    messages, scope, at = {}, [], 0          # scope: (kind, name) of the braces that are open
    while at < len(tokens):
        t = tokens[at]
        if t in ("message", "oneof"):
            scope.append((t, tokens[at + 1]))
            if t == "message":
                messages[".".join(n for k, n in scope if k == t)] = {}
            at += 3
        elif t == "}":
            scope.pop()
            at += 1
        elif not scope:                      # syntax, package
            at = tokens.index(";", at) + 1
        else:
            end = tokens.index(";", at)
            words = tokens[at:end]
            repeated = words[0] == "repeated"
            kind, name, _, number = words[repeated:]
            field = {"number": int(number), "type": kind, "repeated": repeated,
                     "oneof": scope[-1][1] if scope[-1][0] == "oneof" else None}
            messages[".".join(n for k, n in scope if k == "message")][name] = field
            at = end + 1
    return messages


def resolve(messages, scope, name):
    """The message that `name` means inside `scope`: of the nearest enclosing one that has it. None: a scalar."""
    parts = scope.split(".")
    for n in range(len(parts), -1, -1):
        full = ".".join([*parts[:n], name])
        if full in messages:
            return full
    return None


def compare(ours, theirs, mine, other, seen):
    """Differences between message `mine` of ours and `other` of theirs, and below."""
    if (mine, other) in seen:
        return
    seen.add((mine, other))
    for name, field in ours[mine].items():
        where = f"{mine}.{name}"
        if name not in theirs[other]:
            yield f"{where}: {other} has no such field"
            continue
        real = theirs[other][name]
        for what in ("number", "repeated", "oneof"):
            if field[what] != real[what] and (what != "oneof" or field[what]):
                yield f"{where}: {what} is {field[what]}, {other} has {real[what]}"
        below = resolve(ours, mine, field["type"])
        if below and real["message"]:
            yield from compare(ours, theirs, below, real["message"], seen)
        elif below or (field["type"], real["type"]) not in [("int32", "enum"), ("bytes", "message"), (real["type"],) * 2]:
            yield f"{where}: type is {field['type']}, {other} has {real['type']}"


@pytest.fixture(scope="module")
def descriptors(tensorflow):  # noqa: F811
    return tensorflow.descriptors()


@needs_tensorflow
@pytest.mark.parametrize("file, roots", [("saved_model.proto", WRITTEN), ("read.proto", READ)])
def test_messages_are_tensorflows(file, roots, descriptors):
    ours = parse(ROOT / "src/savedmodel" / file)
    tops = {n.rsplit(".", 1)[-1]: n for n in descriptors if "." not in n.removeprefix("tensorflow.")}
    seen = set()
    wrong = [line for root in roots for line in compare(ours, descriptors, root, tops[root], seen)]
    assert not wrong, "\n".join(wrong)
    assert set(ours) - {mine for mine, _ in seen} == (set(SERVING) if file == "saved_model.proto" else set())


def test_messages_of_the_model_server():
    ours = parse(ROOT / "src/savedmodel/saved_model.proto")
    for message, fields in SERVING.items():
        got = {n: (f["number"], resolve(ours, message, f["type"]) or f["type"], f["repeated"]) for n, f in ours[message].items()}
        assert got == fields, message


def test_a_wrong_field_is_found(descriptors):
    """The comparison itself: each fact about a field counts."""
    ours = parse(ROOT / "src/savedmodel/saved_model.proto")
    good = ours["BundleEntryProto"]["offset"]
    for change in ({"number": 9}, {"type": "int32"}, {"repeated": True}, {"oneof": "x"}):
        ours["BundleEntryProto"]["offset"] = {**good, **change}
        assert list(compare(ours, descriptors, "BundleEntryProto", "tensorflow.BundleEntryProto", set())), change
    ours["BundleEntryProto"] = {"offsets": good}
    assert list(compare(ours, descriptors, "BundleEntryProto", "tensorflow.BundleEntryProto", set()))


def test_nothing_that_is_read_contains_itself():
    """read.proto says why: unpacking recurses without a bound."""
    ours = parse(ROOT / "src/savedmodel/read.proto")

    def below(message, path):
        assert message not in path, path
        for field in ours[message].values():
            inner = resolve(ours, message, field["type"])
            if inner:
                below(inner, [*path, message])

    for message in ours:
        below(message, [])
