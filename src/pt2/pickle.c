#include "pt2/pickle.h"

#include <limits.h>
#include <string.h>

#include "base/reader.h"
#include "pt2/internal.h"

typedef struct PStorage {
	DType dtype;                /* DTYPE_none: untyped */
	const uint8_t *bytes;
	size_t nbytes;
} PStorage;

typedef struct Machine {
	Pickle *p;
	Reader r;                   /* data.pkl */
	Err *err;
	VEC(PVal) stack, memo;
	int calls;                  /* that are in each other */
} Machine;

typedef struct Args { const PVal *v; int n; } Args;

const char *pickle_kind(PVal v)
{
	static const char *const name[] = {
		[P_NONE] = "None", [P_BOOL] = "a bool", [P_INT] = "an int", [P_FLOAT] = "a float", [P_STR] = "a string",
		[P_TUPLE] = "a tuple", [P_LIST] = "a list", [P_DICT] = "a dict", [P_TENSOR] = "a tensor",
		[P_SUBCLASS] = "a tensor subclass", [P_FUNCTION] = "a function", [P_CLASS] = "a class of tensors", [P_OBJECT] = "an object",
		[P_STORAGE_CLASS] = "a class", [P_STORAGE] = "a storage", [P_DTYPE] = "a dtype", [P_MARK] = "a mark",
	};
	return name[v.kind];
}

/* ---- the stack ----------------------------------------------------------------------------------------- */

static void put_val(Machine *m, PVal v) { *push(m->p->a, &m->stack) = v; }

static PVal pop(Machine *m)
{
	if (m->stack.n) return m->stack.v[--m->stack.n];
	fail(m->err, BAD_INPUT, "offset %zu: the stack is empty", m->r.at);
	return (PVal){ .kind = P_NONE };
}

/* What stands above the topmost mark, which goes with it. Good until the next push. */
static Args pop_mark(Machine *m)
{
	int i = m->stack.n - 1;
	while (i >= 0 && m->stack.v[i].kind != P_MARK) i--;
	if (i < 0) {
		fail(m->err, BAD_INPUT, "offset %zu: no mark on the stack", m->r.at);
		return (Args){ 0 };
	}
	Args a = { m->stack.v + i + 1, m->stack.n - i - 1 };
	m->stack.n = i;
	return a;
}

static PVal new_list(Machine *m, PKind kind, Args items)
{
	PVal v = { .kind = kind, .list = NEW(m->p->a, PList, 1) };
	for (int i = 0; i < items.n; i++) *push(m->p->a, &v.list->item) = items.v[i];
	return v;
}

/* Appends to the list or dict on top of the stack. */
static void extend(Machine *m, PKind kind, Args items)
{
	if (!m->stack.n || m->stack.v[m->stack.n - 1].kind != kind || (kind == P_DICT && items.n % 2)) {
		fail(m->err, BAD_INPUT, "offset %zu: %d items for something that is no %s", m->r.at, items.n,
			kind == P_DICT ? "dict" : "list");
		return;
	}
	PList *list = m->stack.v[m->stack.n - 1].list;
	for (int i = 0; i < items.n; i++) *push(m->p->a, &list->item) = items.v[i];
}

/* ---- functions that may be called ---------------------------------------------------------------------- */

/* torch.UntypedStorage, torch.FloatStorage, ...: only the class of a storage, never called. */
static const struct { const char *name; DType dtype; } storages[] = {
	{ "UntypedStorage", DTYPE_none },
	{ "FloatStorage", DTYPE_f32 }, { "DoubleStorage", DTYPE_f64 }, { "HalfStorage", DTYPE_f16 },
	{ "BFloat16Storage", DTYPE_bf16 }, { "ByteStorage", DTYPE_u8 }, { "CharStorage", DTYPE_i8 },
	{ "ShortStorage", DTYPE_i16 }, { "IntStorage", DTYPE_i32 }, { "LongStorage", DTYPE_i64 }, { "BoolStorage", DTYPE_bool },
	{ "ComplexFloatStorage", DTYPE_c64 }, { "ComplexDoubleStorage", DTYPE_c128 },
};

static bool ints(Machine *m, PVal v, int *n, const int64_t **out)
{
	if (v.kind != P_TUPLE)
		return fail(m->err, BAD_INPUT, "%s where a tuple of sizes or strides should be", pickle_kind(v));
	*n = v.list->item.n;
	if (*n > MAX_RANK) return fail(m->err, UNSUPPORTED, "rank %d, at most %d is read", *n, MAX_RANK);
	int64_t *d = NEW(m->p->a, int64_t, *n);
	for (int i = 0; i < *n; i++) {
		if (v.list->item.v[i].kind != P_INT)
			return fail(m->err, BAD_INPUT, "%s where a size or stride should be", pickle_kind(v.list->item.v[i]));
		d[i] = v.list->item.v[i].i;
	}
	*out = d;
	return true;
}

/* The conj and neg bits (torch._utils.get_tensor_metadata) say that the bytes are not the values. */
static bool plain(Machine *m, PVal metadata)
{
	bool ok = metadata.kind == P_NONE || (metadata.kind == P_DICT && !metadata.list->item.n);
	return ok || fail(m->err, UNSUPPORTED, "a tensor with its conjugate or negative bit set");
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata=None);
 * _rebuild_tensor_v3 has the dtype before metadata. */
static PVal rebuild_tensor(Machine *m, Args a, bool v3)
{
	PVal none = { .kind = P_NONE };
	int nfixed = v3 ? 7 : 6;
	bool count = a.n == nfixed || a.n == nfixed + 1;
	if (!count || a.v[0].kind != P_STORAGE || a.v[1].kind != P_INT || (v3 && a.v[6].kind != P_DTYPE)) {
		fail(m->err, BAD_INPUT, "_rebuild_tensor: unexpected arguments");
		return none;
	}
	PStorage *s = a.v[0].storage;
	int nstride = 0;
	Tensor *t = NEW(m->p->a, Tensor, 1);
	t->dtype = v3 ? a.v[6].dtype : s->dtype;
	t->offset = a.v[1].i;
	t->storage = s->bytes;
	t->nbytes = s->nbytes;
	if (!ints(m, a.v[2], &t->rank, &t->dim) || !ints(m, a.v[3], &nstride, &t->stride)) return none;
	if (nstride != t->rank) fail(m->err, BAD_INPUT, "%d sizes and %d strides", t->rank, nstride);
	else if (!t->dtype) fail(m->err, UNSUPPORTED, "a tensor over an untyped storage, without a dtype");
	else if (plain(m, a.n > nfixed ? a.v[nfixed] : none)) check_tensor(t, m->err);
	return (PVal){ .kind = P_TENSOR, .tensor = t };
}

static PVal call_tensor_v2(Machine *m, Args a) { return rebuild_tensor(m, a, false); }
static PVal call_tensor_v3(Machine *m, Args a) { return rebuild_tensor(m, a, true); }

/* _rebuild_parameter(data, requires_grad, hooks), and _with_state: python attributes, which no tensor
 * needs. */
static PVal call_parameter(Machine *m, Args a)
{
	if (a.n >= 3 && a.v[0].kind == P_TENSOR) return a.v[0];
	fail(m->err, BAD_INPUT, "_rebuild_parameter: unexpected arguments");
	return (PVal){ .kind = P_NONE };
}

/* OrderedDict(), which SETITEMS then fills. */
static PVal call_dict(Machine *m, Args a)
{
	if (a.n) fail(m->err, UNSUPPORTED, "OrderedDict with arguments");
	return new_list(m, P_DICT, (Args){ 0 });
}

static PVal call_size(Machine *m, Args a)
{
	if (a.n == 1 && (a.v[0].kind == P_TUPLE || a.v[0].kind == P_LIST)) return a.v[0];
	fail(m->err, BAD_INPUT, "torch.Size: unexpected arguments");
	return (PVal){ .kind = P_NONE };
}

static PVal call(Machine *m, int function, PList *args);

/* _rebuild_wrapper_subclass(class, dtype, size, ..): what it is made of is in its state. */
static PVal call_wrapper(Machine *m, Args a)
{
	(void)a;
	return new_list(m, P_SUBCLASS, (Args){ 0 });
}

/* _rebuild_from_type_v2(function, class, arguments, state): the function called, then the state set. Of a plain class it is attributes
 * alone, as tensors have them that a program was exported for with Dim.DYNAMIC. */
static PVal call_from_type(Machine *m, Args a)
{
	PVal v = { .kind = P_NONE };
	if (a.n != 4 || a.v[0].kind != P_FUNCTION || a.v[2].kind != P_TUPLE)
		return fail(m->err, BAD_INPUT, "_rebuild_from_type_v2: unexpected arguments"), v;
	if (a.v[1].kind != P_CLASS && !m->p->subclasses) return fail(m->err, UNSUPPORTED, "a tensor subclass"), v;
	v = call(m, a.v[0].function, a.v[2].list);
	PVal state = a.v[3];
	if (state.kind == P_TUPLE && state.list->item.n == 2) state = state.list->item.v[0];      /* with slots */
	if (v.kind == P_SUBCLASS && state.kind == P_DICT) v.list = state.list;
	return v;
}

static const struct { const char *module, *name; PVal (*call)(Machine *m, Args a); } functions[] = {
	{ "torch._utils", "_rebuild_tensor_v2", call_tensor_v2 },
	{ "torch._utils", "_rebuild_tensor_v3", call_tensor_v3 },
	{ "torch._utils", "_rebuild_parameter", call_parameter },
	{ "torch._utils", "_rebuild_parameter_with_state", call_parameter },
	{ "torch._utils", "_rebuild_wrapper_subclass", call_wrapper },
	{ "torch._tensor", "_rebuild_from_type_v2", call_from_type },
	{ "collections", "OrderedDict", call_dict },
	{ "torch", "Size", call_size },
};

/* A call may be an argument of a call. */
static PVal call(Machine *m, int function, PList *args)
{
	enum { MOST = 8 };
	PVal v = { .kind = P_NONE };
	if (m->calls == MOST) fail(m->err, UNSUPPORTED, "calls nested more than %d deep", MOST);
	if (m->err->code) return v;
	m->calls++;
	v = functions[function].call(m, (Args){ args->item.v, args->item.n });
	m->calls--;
	return v;
}

static void put_global(Machine *m, const char *module, const char *name)
{
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (!strcmp(module, functions[i].module) && !strcmp(name, functions[i].name)) {
			put_val(m, (PVal){ .kind = P_FUNCTION, .function = (int)i });
			return;
		}
	bool torch = !strcmp(module, "torch");
	if ((torch && !strcmp(name, "Tensor")) || (!strcmp(module, "torch.nn.parameter") && !strcmp(name, "Parameter"))) {
		put_val(m, (PVal){ .kind = P_CLASS });
		return;
	}
	for (size_t i = 0; i < sizeof storages / sizeof *storages; i++)
		if ((torch || !strcmp(module, "torch.storage")) && !strcmp(name, storages[i].name)) {
			put_val(m, (PVal){ .kind = P_STORAGE_CLASS, .dtype = storages[i].dtype });
			return;
		}
	DType dtype = torch ? dtype_from_torch(name, strlen(name)) : DTYPE_none;
	if (dtype) put_val(m, (PVal){ .kind = P_DTYPE, .dtype = dtype });
	else if (m->p->subclasses) put_val(m, (PVal){ .kind = P_OBJECT });
	else fail(m->err, UNSUPPORTED, "it holds a %s.%s; only tensors in lists, tuples and dicts are read", module, name);
}

/* ---- storages ------------------------------------------------------------------------------------------ */

/* The persistent id ("storage", class, key, location, number of elements): the file <root>/data/<key>. */
static void load_storage(Machine *m, PVal id)
{
	const PVal *v = id.kind == P_TUPLE && id.list->item.n == 5 ? id.list->item.v : NULL;
	if (!v || v[0].kind != P_STR || strcmp(v[0].str, "storage") || v[1].kind != P_STORAGE_CLASS ||
			v[2].kind != P_STR || v[4].kind != P_INT) {
		fail(m->err, BAD_INPUT, "offset %zu: a persistent id that is no storage", m->r.at);
		return;
	}
	Pickle *p = m->p;
	const char *path = arena_printf(p->a, "%sdata/%s", p->root, v[2].str);
	ZipEntry *x = zip_find(&p->zip, path);
	if (!x) {
		fail(m->err, BAD_INPUT, "it has no '%s'", path);
		return;
	}
	if (!zip_read(&p->zip, x, ZIP_QUICK, m->err)) return;
	PStorage *s = NEW(p->a, PStorage, 1);
	*s = (PStorage){ .dtype = v[1].dtype, .bytes = x->bytes, .nbytes = (size_t)x->nbytes };
	put_val(m, (PVal){ .kind = P_STORAGE, .storage = s });
}

/* ---- opcodes: each group handles its own and says whether it did --------------------------------------- */

static const char *get_string(Machine *m, size_t n)
{
	const char *s = (const char *)get(&m->r, n);
	if (!s) return "";
	if (memchr(s, 0, n) || !is_utf8(s, n))
		fail(m->err, UNSUPPORTED, "offset %zu: a string with a NUL, or that is not UTF-8", m->r.at);
	return arena_str(m->p->a, s, n);
}

static const char *get_line(Machine *m)
{
	const uint8_t *start = m->r.p + m->r.at, *end = memchr(start, '\n', m->r.n - m->r.at);
	const char *s = get_string(m, end ? (size_t)(end - start) : m->r.n - m->r.at + 1);
	get(&m->r, 1);
	return s;
}

/* LONG1: n bytes, little-endian, two's complement. */
static int64_t get_long(Machine *m)
{
	uint8_t n = get_u8(&m->r);
	if (n > 8) {
		fail(m->err, UNSUPPORTED, "offset %zu: an integer of %d bytes", m->r.at, n);
		return 0;
	}
	uint64_t v = get_le(&m->r, n);
	if (n && n < 8 && v >> (8 * n - 1)) v |= ~(uint64_t)0 << (8 * n);
	return (int64_t)v;
}

/* BINFLOAT: big-endian. */
static double get_double(Machine *m)
{
	const uint8_t *b = get(&m->r, 8);
	uint64_t u = 0;
	double f;
	for (int i = 0; b && i < 8; i++) u = u << 8 | b[i];
	memcpy(&f, &u, 8);
	return f;
}

static bool op_literal(Machine *m, uint8_t op)
{
	PVal v = { .kind = P_INT };
	switch (op) {
	case 'N':  v.kind = P_NONE; break;
	case 0x88: case 0x89: v = (PVal){ .kind = P_BOOL, .b = op == 0x88 }; break;        /* NEWTRUE, NEWFALSE */
	case 'K':  v.i = get_u8(&m->r); break;                                             /* BININT1 */
	case 'M':  v.i = get_u16(&m->r); break;                                            /* BININT2 */
	case 'J':  v.i = (int32_t)get_u32(&m->r); break;                                   /* BININT */
	case 0x8a: v.i = get_long(m); break;                                               /* LONG1 */
	case 'G':  v = (PVal){ .kind = P_FLOAT, .f = get_double(m) }; break;               /* BINFLOAT */
	case 'X':  v = (PVal){ .kind = P_STR, .str = get_string(m, get_u32(&m->r)) }; break;   /* BINUNICODE */
	case 0x8c: v = (PVal){ .kind = P_STR, .str = get_string(m, get_u8(&m->r)) }; break;    /* SHORT_BINUNICODE */
	case '(':  v.kind = P_MARK; break;
	default: return false;
	}
	put_val(m, v);
	return true;
}

static bool op_container(Machine *m, uint8_t op)
{
	PVal v[3];
	int n = 0;
	switch (op) {
	case ')': case ']': case '}':                                                      /* EMPTY_TUPLE, _LIST, _DICT */
		put_val(m, new_list(m, op == ')' ? P_TUPLE : op == ']' ? P_LIST : P_DICT, (Args){ 0 }));
		return true;
	case 't': case 'l':                                                                /* TUPLE, LIST */
		put_val(m, new_list(m, op == 't' ? P_TUPLE : P_LIST, pop_mark(m)));
		return true;
	case 0x85: case 0x86: case 0x87:                                                   /* TUPLE1, TUPLE2, TUPLE3 */
		n = op - 0x84;
		for (int i = n - 1; i >= 0; i--) v[i] = pop(m);
		put_val(m, new_list(m, P_TUPLE, (Args){ v, n }));
		return true;
	case 'a':                                                                          /* APPEND */
		v[0] = pop(m);
		extend(m, P_LIST, (Args){ v, 1 });
		return true;
	case 's':                                                                          /* SETITEM */
		v[1] = pop(m);
		v[0] = pop(m);
		extend(m, P_DICT, (Args){ v, 2 });
		return true;
	case 'e': extend(m, P_LIST, pop_mark(m)); return true;                             /* APPENDS */
	case 'u': extend(m, P_DICT, pop_mark(m)); return true;                             /* SETITEMS */
	default: return false;
	}
}

/* Indexes are given out in order, so none exceeds the number of bytes. */
static void memo_put(Machine *m, uint32_t i)
{
	if (!m->stack.n || i >= m->r.n) {
		fail(m->err, BAD_INPUT, "offset %zu: memo index %u", m->r.at, i);
		return;
	}
	while ((uint32_t)m->memo.n <= i) *push(m->p->a, &m->memo) = (PVal){ .kind = P_MARK };
	m->memo.v[i] = m->stack.v[m->stack.n - 1];
}

static void memo_get(Machine *m, uint32_t i)
{
	if (i < (uint32_t)m->memo.n && m->memo.v[i].kind != P_MARK) put_val(m, m->memo.v[i]);
	else fail(m->err, BAD_INPUT, "offset %zu: memo %u is empty", m->r.at, i);
}

static bool op_memo(Machine *m, uint8_t op)
{
	switch (op) {
	case 'q':  memo_put(m, get_u8(&m->r)); return true;
	case 'r':  memo_put(m, get_u32(&m->r)); return true;
	case 0x94: memo_put(m, (uint32_t)m->memo.n); return true;                          /* MEMOIZE */
	case 'h':  memo_get(m, get_u8(&m->r)); return true;
	case 'j':  memo_get(m, get_u32(&m->r)); return true;
	default: return false;
	}
}

static bool op_call(Machine *m, uint8_t op)
{
	PVal a, f;
	const char *module, *name;
	switch (op) {
	case 'c':                                                                          /* GLOBAL */
		module = get_line(m);
		name = get_line(m);
		if (!m->err->code) put_global(m, module, name);
		return true;
	case 'R':                                                                          /* REDUCE */
		a = pop(m);
		f = pop(m);
		if (f.kind == P_OBJECT && a.kind == P_TUPLE) put_val(m, f);
		else if (f.kind != P_FUNCTION || a.kind != P_TUPLE)
			fail(m->err, BAD_INPUT, "offset %zu: a call of %s", m->r.at, pickle_kind(f));
		else put_val(m, call(m, f.function, a.list));
		return true;
	case 0x81:                                                                         /* NEWOBJ */
		a = pop(m);
		f = pop(m);
		if (f.kind != P_OBJECT) fail(m->err, UNSUPPORTED, "offset %zu: an object made of %s", m->r.at, pickle_kind(f));
		put_val(m, f);
		return true;
	case 'Q': load_storage(m, pop(m)); return true;                                    /* BINPERSID */
	case 'b':                                                                          /* BUILD: attributes of a dict, no items */
		pop(m);
		if (m->stack.n && m->stack.v[m->stack.n - 1].kind == P_OBJECT) return true;
		if (!m->stack.n || m->stack.v[m->stack.n - 1].kind != P_DICT)
			fail(m->err, UNSUPPORTED,
				"offset %zu: an object with a state; only tensors in lists, tuples and dicts are read", m->r.at);
		return true;
	case 0x80: get(&m->r, 1); return true;                                             /* PROTO */
	case 0x95: get(&m->r, 8); return true;                                             /* FRAME */
	default: return false;
	}
}

static bool run(Machine *m, PVal *out)
{
	for (;;) {
		uint8_t op = get_u8(&m->r);
		if (m->err->code) return false;
		if (op == '.') break;                                                          /* STOP */
		if (!op_literal(m, op) && !op_container(m, op) && !op_memo(m, op) && !op_call(m, op))
			return fail(m->err, UNSUPPORTED, "offset %zu: pickle opcode 0x%02x is not read", m->r.at - 1, op);
		if (m->err->code) return false;
	}
	*out = pop(m);
	if (!m->err->code && out->kind > P_SUBCLASS)
		return fail(m->err, BAD_INPUT, "the pickle gives %s", pickle_kind(*out));
	return !m->err->code;
}

/* ---- the file ------------------------------------------------------------------------------------------ */

bool pickle_open(Pickle *p, Arena *a, const uint8_t *bytes, size_t n, const char *what, Err *e)
{
	*p = (Pickle){ .a = a, .err = e, .what = what };
	if (!zip_open(&p->zip, a, bytes, n, what, e)) return false;
	static const char tail[] = "/data.pkl";
	for (int i = 0; i < p->zip.entry.n; i++) {
		const ZipEntry *x = &p->zip.entry.v[i];
		size_t ntail = sizeof tail - 1;
		if (x->nname < ntail || memcmp(x->name + x->nname - ntail, tail, ntail)) continue;
		p->root = arena_str(a, x->name, x->nname - ntail + 1);
		return true;
	}
	return fail(e, BAD_INPUT, "%s: no data.pkl in it", what);
}

static bool little_endian(Pickle *p)
{
	ZipEntry *x = zip_find(&p->zip, arena_printf(p->a, "%sbyteorder", p->root));
	if (!x) return true;
	if (!zip_read(&p->zip, x, ZIP_QUICK, p->err)) return false;
	if (x->nbytes == 6 && !memcmp(x->bytes, "little", 6)) return true;
	return fail(p->err, UNSUPPORTED, "%s: not written on a little-endian machine", p->what);
}

bool pickle_load(Pickle *p, PVal *out)
{
	ZipEntry *x = zip_find(&p->zip, arena_printf(p->a, "%sdata.pkl", p->root));
	if (!x || !little_endian(p) || !zip_read(&p->zip, x, ZIP_QUICK, p->err)) return false;
	Reader r = { .p = x->bytes, .n = (size_t)x->nbytes, .what = "data.pkl", .err = p->err };
	Machine m = { .p = p, .err = p->err, .r = r };
	return run(&m, out) || err_at(p->err, "%s", p->what);
}

/* A list may hold itself, and one list may be held many times: both the depth and the visits are bounded. */
enum { MAX_DEPTH = 100, MAX_VISITS = 1 << 20 };

static bool leaves(Pickle *p, PVal v, int depth, int *visits, PLeaves *out)
{
	if (depth > MAX_DEPTH || ++*visits > MAX_VISITS)
		return fail(p->err, UNSUPPORTED, "%s: lists nested too deep or too often", p->what);
	if (v.kind != P_TUPLE && v.kind != P_LIST && v.kind != P_DICT) {
		*push(p->a, out) = v;
		return true;
	}
	int step = v.kind == P_DICT ? 2 : 1;
	for (int i = step - 1; i < v.list->item.n; i += step)
		if (!leaves(p, v.list->item.v[i], depth + 1, visits, out)) return false;
	return true;
}

bool pickle_leaves(Pickle *p, PVal v, PLeaves *out)
{
	int visits = 0;
	*out = (PLeaves){ 0 };
	return leaves(p, v, 0, &visits, out);
}
