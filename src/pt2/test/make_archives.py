"""Writes the archives that test/test_pt2.py and the fuzz targets read: make_archives.py DIR [SET].

    good/     torch.export.save of the torch that is installed, one model per kind of thing a file can hold
    packed/   the same again, packed by zip tools: deflated, without a root folder, with a comment, as ZIP64
    old/      the layouts of torch 2.5 (schema 7.3), 2.6-2.7 and 2.8 (schema 8). No old torch is run: the files are put together
              from the parts that the installed torch serializes, as torch/export/__init__.py and, for 2.8,
              torch/export/pt2_archive/_package.py of those releases write them; 2.5's JSON differs as its schema.py and
              serialize.py do (as_none is [], symbolic sizes are str() and not srepr(), unbounded ranges are "Infinity",
              no forward_arg_names). That torch itself still loads old/v26.pt2 and old/v28.pt2 is part of the test.
    broken/   what must be refused; the test lists each with the words its message must have
"""
import contextlib
import io
import json
import os
import re
import struct
import sys
import zipfile
from pathlib import Path

import torch
from torch import nn
from torch.export import Dim, export

# ---- models ----------------------------------------------------------------------------------------------------


class Tiny(nn.Module):
    """conv, batch norm in training (buffers written in place), in-place relu, split, dict output with None."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)

    def forward(self, x):
        x = torch.relu_(self.norm(self.conv(x))).mean((2, 3))
        a, b = torch.split(x, 2, 1)
        return {"out": self.out(x), "parts": (a, [b, None])}


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, i):
        return self.head(self.embed(i))


class Strided(nn.Module):
    """Weights that are no plain row-major arrays: transposed, with an offset, overlapping, expanded, empty, rank 0."""

    def __init__(self):
        super().__init__()
        base = torch.arange(60.0).reshape(3, 4, 5)
        self.turned = nn.Parameter(base.permute(2, 0, 1))
        self.register_buffer("whole", base)
        self.register_buffer("tail", base[1:, 2:, 1::2])
        self.register_buffer("row", base[2, 3])
        self.register_buffer("wide", torch.arange(3.0)[:, None].expand(3, 4))
        self.register_buffer("windows", torch.arange(6.0).as_strided((4, 3), (1, 1)))
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("one", torch.tensor(5))
        self.register_buffer("nhwc", torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last))

    def forward(self, x):
        y = x + self.turned.sum() + self.whole.sum() + self.tail.sum() + self.row.sum() + self.wide.sum()
        return y + self.windows.sum() + self.empty.sum() + self.one + self.nhwc.sum()


DTYPES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "bfloat16", "float32", "float64",
    "complex32", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
]


class Types(nn.Module):
    def __init__(self):
        super().__init__()
        for name in DTYPES:
            dtype = getattr(torch, name)
            raw = torch.arange(1, 1 + 6 * dtype.itemsize, dtype=torch.uint8)
            t = raw.bool()[:6] if name == "bool" else raw.view(dtype)
            self.register_buffer("b_" + name, t.reshape(2, 3))

    def forward(self, x):
        return x + self.b_float32, [getattr(self, "b_" + n).clone() for n in DTYPES]


class Constants(nn.Module):
    """A buffer that is not persistent, a plain tensor attribute, a tensor made in forward."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.arange(4.0), persistent=False)
        self.scale = torch.tensor([1.0, 2.0, 3.0, 4.0])

    def forward(self, x):
        return x * self.scale + self.mask + torch.tensor([1.0, 0.0, 0.5, 2.0])


class Arguments(nn.Module):
    """kwargs, None, int, str, bool and nested inputs."""

    def forward(self, x, pair, n, mode, *, flag=True, other=None, table):
        y = x * n + pair[0] - pair[1]["k"] + table["a"]
        return y.relu() if flag and mode == "relu" else y, other, n


class Kinds(nn.Module):
    """Arguments of every kind that operators take."""

    def forward(self, x, i):
        y = x.masked_fill(x > 0, float("-inf")).to(torch.float64, memory_format=torch.contiguous_format)
        y = torch.cat([y, torch.full((1, 4), 2.5, dtype=torch.float64, device="cpu")])
        y = torch.div(y, 3, rounding_mode="floor") + torch.arange(0, 4, dtype=torch.float64)
        z = x.unsqueeze(0)[:, i]
        w = torch.complex(x, x) * (1 + 2j)
        low, high = torch.aminmax(x, dim=1)
        s = nn.functional.interpolate(x[None, None], scale_factor=[2.0, 2.0], mode="bilinear")
        return y, z, w, low, high, s, x.mean()


class Dynamic(nn.Module):
    def forward(self, x, y):
        n = x.shape[0]
        z = torch.cat([x, y]).reshape(-1, 2)
        w = x[: n - 1].flatten()
        return z, w, torch.arange(n // 2 + 1), x.new_zeros(n * n - 1, 3), x.view(n * 2, 2), n + 1, (n + 3) % 5


class Floats(nn.Module):
    """A SymFloat value, an input that is a SymInt."""

    def forward(self, x, k):
        n = x.shape[0]
        return x * (n / 2), k * 2, x + k


class Cond(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        def yes(x):
            return self.a(x).relu(), x.sum()

        def no(x):
            return self.b(x), x.mean()

        return torch.cond(x.sum() > 0, yes, no, (x,))


class Mutates(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(3))

    def forward(self, x):
        self.count.add_(1)
        x[:, 0].fill_(2.0)
        return x + self.count


class Plus(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.k = nn.Parameter(torch.tensor([float(k)]))

    def forward(self, x):
        return x + self.k


def models():
    torch.manual_seed(0)
    x = torch.randn
    yield "tiny", export(Tiny(), (x(2, 3, 8, 8),))
    yield "core", export(Tiny(), (x(2, 3, 8, 8),)).run_decompositions()
    yield "tied", export(Tied(), (torch.tensor([[1, 2], [3, 6]]),))
    yield "strided", export(Strided(), (x(2),))
    yield "types", export(Types(), (x(2, 3),))
    yield "constants", export(Constants(), (x(4),))
    args = (x(2), (x(2), {"k": x(2)}), 3, "relu")
    yield "arguments", export(Arguments(), args, {"table": {"a": x(2)}, "other": None, "flag": True})
    yield "kinds", export(Kinds(), (x(3, 4), torch.tensor([0, 2])))
    yield "bf16", export(Tiny().bfloat16(), (x(2, 3, 8, 8, dtype=torch.bfloat16),))
    b = Dim("batch", min=8, max=64)
    yield "dynamic", export(Dynamic(), (x(10, 4), x(2, 4)), dynamic_shapes=({0: b}, {0: Dim("other")}))
    yield "floats", export(Floats(), (x(6), 3), dynamic_shapes=({0: Dim("n")}, Dim.DYNAMIC))
    yield "cond", export(Cond(), (x(3),))
    yield "mutates", export(Mutates(), (x(2, 3),))
    yield "mutates_core", export(Mutates(), (x(2, 3),)).run_decompositions()
    yield "view_inputs", export(Plus(1), (torch.arange(12.0).reshape(3, 4).t()[1:],))
    yield "float8_input", export(nn.Identity(), (torch.zeros(2, dtype=torch.float8_e4m3fn),))


# ---- packing ---------------------------------------------------------------------------------------------------


def entries(path):
    with zipfile.ZipFile(path) as z:
        return {i.filename: z.read(i) for i in z.infolist()}


def pack(path, files, method=zipfile.ZIP_STORED, comment=b"", zip64=False, root=None):
    with zipfile.ZipFile(path, "w", method) as z:
        z.comment = comment
        for name, data in files.items():
            if root is not None:
                name = root + name.split("/", 1)[1]
            with z.open(zipfile.ZipInfo(name), "w", force_zip64=zip64) if zip64 else contextlib.nullcontext() as f:
                if f:
                    f.write(data)
                else:
                    z.writestr(name, data)


def make_packed(good, out):
    files = entries(good / "tiny.pt2")
    pack(out / "deflated.pt2", files, zipfile.ZIP_DEFLATED)
    pack(out / "rootless.pt2", files, zipfile.ZIP_DEFLATED, root="")
    pack(out / "comment.pt2", files, comment=b"PK\5\6 a comment that starts like an end record " * 40)
    pack(out / "zip64.pt2", files, zip64=True)
    several = {"a": export(Plus(1), (torch.ones(1),)), "b c": export(Plus(2), (torch.ones(1),))}
    with contextlib.redirect_stderr(io.StringIO()):
        torch.export.pt2_archive._package.package_pt2(str(out / "several.pt2"), exported_programs=several)


# ---- older layouts ---------------------------------------------------------------------------------------------


def schema7(node):
    """The JSON of schema 8 as torch 2.5 would have written it."""
    if isinstance(node, list):
        return [schema7(x) for x in node]
    if not isinstance(node, dict):
        return node
    out = {}
    for k, v in node.items():
        if k == "as_none":
            v = []
        elif k == "expr_str":
            import sympy
            v = str(eval(v, {**vars(sympy), **vars(torch.utils._sympy.functions)}))
        elif k in ("max_val", "min_val") and v is None:
            v = "Infinity" if k == "max_val" else "-Infinity"
        elif k in ("forward_arg_names", "is_hop_single_tensor_return", "kind", "treespec_namedtuple_fields", "sym_float_values"):
            continue
        elif k == "schema_version":
            v = {"major": 7, "minor": 3}
        elif k == "torch_version":
            v = "2.5.1"
        elif k == "nodes":
            v = [{a: b for a, b in n.items() if a != "name"} for n in v]
        out[k] = schema7(v)
    return out


def make_old(programs, out):
    from torch._export.serde.serialize import serialize

    for name, ep in programs.items():
        part = serialize(ep)
        new = json.loads(part.exported_program)
        for version, program in ("8.2", new), ("7.3", schema7(new)):
            files = {
                "serialized_exported_program.json": json.dumps(program).encode(),
                "serialized_state_dict.pt": part.state_dict,
                "serialized_constants.pt": part.constants,
                "serialized_example_inputs.pt": part.example_inputs,
                "version": version.encode(),
                "extra_files/note": b"hello",
            }
            pack(out / f"{name}-v2{'6' if version == '8.2' else '5'}.pt2", files)
        w = torch._C.PyTorchFileWriter(str(out / f"{name}-v28.pt2"))
        for path, data in [
            ("models/model.json", part.exported_program), ("data/weights/model.pt", part.state_dict),
            ("data/constants/model.pt", part.constants), ("data/sample_inputs/model.pt", part.example_inputs),
            ("archive_format", b"pt2"), ("archive_version", b"0"),
        ]:
            w.write_record(path, data, len(data))
        w.write_end_of_file()


# ---- broken ----------------------------------------------------------------------------------------------------


def edit_json(files, tail, change):
    """The same files with the JSON whose name ends in `tail` changed by a function."""
    name = next(n for n in files if n.endswith(tail))
    doc = json.loads(files[name])
    change(doc)
    return {**files, name: json.dumps(doc).encode()}


def edit_text(files, tail, old, new):
    name = next(n for n in files if n.endswith(tail))
    assert old in files[name], old
    return {**files, name: files[name].replace(old, new, 1)}


def json_cases(files):
    """name -> files, with one thing wrong in the JSON or the entries."""
    m, w = "models/model.json", "weights_config.json"
    graph = lambda d: d["graph_module"]["graph"]
    signature = lambda d: d["graph_module"]["signature"]
    meta = lambda d: d["config"]["conv.weight"]["tensor_meta"]

    def setter(path, key, value):
        return lambda d: path(d).__setitem__(key, value)

    edits = {
        "schema_9": (m, setter(lambda d: d["schema_version"], "major", 9)),
        "schema_5": (m, setter(lambda d: d["schema_version"], "major", 5)),
        "schema_missing": (m, lambda d: d.pop("schema_version")),
        "no_graph_module": (m, lambda d: d.pop("graph_module")),
        "no_nodes": (m, lambda d: graph(d).pop("nodes")),
        "unknown_argument": (m, setter(lambda d: graph(d)["nodes"][0]["inputs"][0], "arg", {"as_wonder": 1})),
        "unknown_value": (m, setter(lambda d: graph(d)["nodes"][0]["inputs"][0], "arg", {"as_tensor": {"name": "ghost"}})),
        "used_before": (m, lambda d: graph(d)["nodes"].reverse()),
        "defined_twice": (m, lambda d: graph(d)["nodes"].append(graph(d)["nodes"][0])),
        "big_int": (m, setter(lambda d: graph(d)["nodes"][0]["inputs"][0], "arg", {"as_int": 1 << 70})),
        "value_dtype": (m, setter(lambda d: graph(d)["tensor_values"]["x"], "dtype", 77)),
        "value_layout": (m, setter(lambda d: graph(d)["tensor_values"]["x"], "layout", 2)),
        "value_strides": (m, lambda d: graph(d)["tensor_values"]["x"]["strides"].pop()),
        "value_negative": (m, setter(lambda d: graph(d)["tensor_values"]["x"]["sizes"], 0, {"as_int": -4})),
        "value_expr": (m, setter(lambda d: graph(d)["tensor_values"]["x"]["sizes"], 0, {"as_expr": {"expr_str": "Add(Symbol('s0'), ", "hint": None}})),
        "few_inputs": (m, lambda d: signature(d)["input_specs"].pop()),
        "other_input": (m, lambda d: signature(d)["input_specs"].reverse()),
        "unknown_input": (m, setter(lambda d: signature(d)["input_specs"], 0, {"surprise": {}})),
        "unknown_target": (m, setter(lambda d: signature(d)["output_specs"], 0, {"buffer_mutation": {"arg": {"name": "linear"}, "buffer_name": "ghost"}})),
        "weight_missing": (w, lambda d: d["config"].pop("conv.weight")),
        "weight_file": (w, setter(lambda d: d["config"]["conv.weight"], "path_name", "weight_99")),
        "weight_dtype": (w, setter(meta, "dtype", 8)),
        "weight_unknown_dtype": (w, setter(meta, "dtype", 99)),
        "weight_shape": (w, setter(meta, "sizes", [{"as_int": 4}, {"as_int": 3}, {"as_int": 3}, {"as_int": 1 << 40}])),
        "weight_overflow": (w, setter(meta, "sizes", [{"as_int": 1 << 62}] * 4)),
        "weight_stride": (w, setter(lambda d: meta(d)["strides"], 0, {"as_int": 1 << 61})),
        "weight_offset": (w, setter(meta, "storage_offset", {"as_int": 1})),
        "weight_pickle": (w, setter(lambda d: d["config"]["conv.weight"], "use_pickle", True)),
        "weight_rank": (w, lambda d: meta(d).update(sizes=[{"as_int": 1}] * 65, strides=[{"as_int": 1}] * 65)),
    }
    for name, (tail, change) in edits.items():
        yield name, edit_json(files, tail, change)
    yield "json_cut", edit_text(files, m, files[next(n for n in files if n.endswith(m))][-40:], b"")
    yield "json_deep", edit_text(files, m, b'"nodes": ', b'"nodes": ' + b"[" * 600 + b"]" * 600 + b', "x": ')
    yield "json_latin1", edit_text(files, m, b'"verifiers"', b'"v\xe9rifiers"')
    yield "json_literal", edit_text(files, m, b'"verifiers": [', b'"verifiers": [True, ')
    yield "no_model", {n: d for n, d in files.items() if not n.endswith(m)}
    yield "no_config", {n: d for n, d in files.items() if not n.endswith(w)}
    yield "no_weight", {n: d for n, d in files.items() if not n.endswith("weight_0")}
    yield "no_format", {n: d for n, d in files.items() if not n.endswith("archive_format")}
    yield "big_endian", {n: b"big" if n.endswith("byteorder") else d for n, d in files.items()}
    yield "format", {n: b"pt9" if n.endswith("archive_format") else d for n, d in files.items()}


class Forged:
    """A zip written field by field, so that any can be a lie."""

    def __init__(self):
        self.out, self.central, self.n = bytearray(), bytearray(), 0

    def add(self, name, data, *, method=0, flags=0, crc=None, size=None, packed=None, local_name=None, offset=None, disk=0):
        name = name.encode()
        crc = zipfile.crc32(data) if crc is None else crc
        size = len(data) if size is None else size
        packed = len(data) if packed is None else packed
        at = len(self.out) if offset is None else offset
        local = name if local_name is None else local_name.encode()
        self.out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, flags, method, 0, 0, crc, packed, size, len(local), 0) + local + data
        self.central += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, flags, method, 0, 0, crc, packed, size, len(name), 0, 0, disk, 0, 0, at) + name
        self.n += 1

    def write(self, path, *, n=None, size=None, at=None, disk=0):
        n = self.n if n is None else n
        size = len(self.central) if size is None else size
        at = len(self.out) if at is None else at
        path.write_bytes(self.out + self.central + struct.pack("<IHHHHIIH", 0x06054B50, disk, disk, n, n, size, at, 0))


def zip_cases(out, files):
    import zlib

    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflate.compress(b"0" * (1 << 22)) + deflate.flush()
    model = next(n for n in files if n.endswith("models/model.json"))

    def forged(name, model_args, **end):
        z = Forged()
        for n, data in files.items():
            args = model_args if n == model else {}
            z.add(n, args.pop("data", data), **args)
        z.write(out / f"{name}.pt2", **end)

    forged("encrypted", {"flags": 1})
    forged("method", {"method": 12})
    forged("local_name", {"local_name": "other"})
    forged("other_disk", {"disk": 3})
    forged("bad_crc", {"crc": 1})
    forged("past_end", {"size": 1 << 30, "packed": 1 << 30})
    forged("size_mismatch", {"size": 5})
    forged("header_offset", {"offset": 3})
    forged("bomb", {"method": 8, "data": bomb, "size": (1 << 22), "crc": 0})
    forged("bomb_ratio", {"method": 8, "data": bomb, "size": 0xFFFFFFFE, "crc": 0})
    forged("inflates_longer", {"method": 8, "data": bomb, "size": 100})
    forged("not_deflate", {"method": 8, "data": b"\xff" * 100, "size": 100})
    forged("many_entries", {}, n=0xFFFE)
    forged("few_bytes", {}, size=10)
    forged("directory_past_end", {}, at=0x7FFFFFFF)
    forged("several_disks", {}, disk=2)
    z = Forged()
    for n, data in [*files.items(), (model, files[model])]:
        z.add(n, data)
    z.write(out / "duplicate.pt2")


def make_broken(good, out):
    path = good / "tiny.pt2"
    whole, files = path.read_bytes(), entries(path)
    for name, changed in json_cases(files):
        pack(out / f"{name}.pt2", changed)
    zip_cases(out, files)
    for part in (0, 1, 21, 22, 1000, len(whole) // 2, len(whole) - 1):
        (out / f"cut_{part}.pt2").write_bytes(whole[:part])
    at = whole.index(b'"nodes"')
    (out / "flipped.pt2").write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
    (out / "text.pt2").write_text("not a zip at all\n" * 10)
    sample = next(n for n in files if n.endswith("sample_inputs/model.pt"))
    for name, value in {"code": print, "wrong_count": ((torch.ones(1), torch.ones(1)), {}), "wrong_type": ((torch.ones(2, 3, 8, 8).int(),), {})}.items():
        b = io.BytesIO()
        torch.save(((value,), {}) if name == "code" else value, b)
        pack(out / f"samples_{name}.pt2", {**files, sample: b.getvalue()})


def main(folder, which=("good", "packed", "old", "broken")):
    folder = Path(folder)
    for name in ("good", *which):
        (folder / name).mkdir(parents=True, exist_ok=True)
    programs = dict(models())
    for name, ep in programs.items():
        torch.export.save(ep, str(folder / "good" / f"{name}.pt2"))
    if "packed" in which:
        make_packed(folder / "good", folder / "packed")
    if "old" in which:
        make_old({n: programs[n] for n in ("tiny", "tied", "strided", "constants", "arguments", "kinds", "dynamic")}, folder / "old")
    if "broken" in which:
        make_broken(folder / "good", folder / "broken")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or ("good", "packed", "old", "broken"))
