/* test_infer FILE    builds the op of each line of FILE (infer.t, which explains itself) and holds what verify() says against
 *                    what the line says
 * test_infer -m FILE prints the modules instead, for a parser of someone else's
 * test_infer -f FILE breaks each case in some hundred ways: whatever it has become, verify() must say yes or no
 * test_infer -e      verify() takes every module of every_op.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stablehlo/infer.h"
#include "stablehlo/ir.h"
#include "stablehlo/test/every_op.h"

enum { MAX_TOKENS = 256, MAX_VALUES = 64 };

/* One line of the file, cut at its blanks. */
typedef struct Line {
	const char *token[MAX_TOKENS + 1];
	int n, at;
	const char *wrong;       /* what the line itself has wrong */
} Line;

typedef struct Values { int n; Value v[MAX_VALUES]; } Values;

typedef struct Case {
	Module m;
	Err err;
	jmp_buf full;
	Builder b;
	Values outer;            /* the arguments and constants of the function */
	Op *op;
	const char *clause;      /* wanted; NULL: the op is right */
	bool lenient;            /* the reference does not mind */
} Case;

static const char *peek(const Line *l) { return l->at < l->n ? l->token[l->at] : ""; }
static const char *next(Line *l) { return l->at < l->n ? l->token[l->at++] : ""; }
static bool is(const char *a, const char *b) { return !strcmp(a, b); }
static bool take(Line *l, const char *s) { return is(peek(l), s) ? l->at++, true : false; }

/* -- types and numbers ----------------------------------------------------------------------------------- */

static Ints numbers(Case *c, const char *s)
{
	int64_t v[64];
	int n = 0;
	for (char *end; *s && n < 64; s = *end == ',' ? end + 1 : "") {
		v[n++] = *s == '?' ? DYNAMIC : strtoll(s, &end, 10);
		if (s[0] == '?') end = (char *)(uintptr_t)s + 1;
	}
	return (Ints){ n, COPY(&c->m.arena, int64_t, v, n) };
}

static DType dtype_named(const char *s, size_t n)
{
	for (int t = 1; t < NDTYPES; t++)
		if (strlen(dtype_name((DType)t)) == n && !strncmp(dtype_name((DType)t), s, n)) return (DType)t;
	return DTYPE_none;
}

/* f32[2,?,<=4]; "q" before f32: quantized to i8, scale 0.5; "q1" before it: along dimension 1; "Q": to ui8, scale 0.25. */
static Type type_named(Case *c, const char *s, Line *l)
{
	int64_t dim[64], bound[64];
	int rank = 0, axis = -2;
	if (is(s, "token")) return token_type();
	bool other = *s == 'Q';
	if (*s == 'q' || other) axis = s[1] >= '0' && s[1] <= '9' ? *++s - '0' : -1, s++;
	size_t n = strcspn(s, "[");
	DType elem = dtype_named(s, n);
	if (!elem) l->wrong = s;
	bool bounded = false;
	for (s += n + (s[n] == '['); *s && *s != ']' && rank < 64; rank++) {
		bool most = *s == '<';
		int64_t v = *s == '?' ? DYNAMIC : strtoll(s + 2 * most, NULL, 10);
		dim[rank] = most ? DYNAMIC : v;
		bound[rank] = most ? v : DYNAMIC;
		bounded |= most;
		s += strcspn(s, ",]");
		if (*s == ',') s++;
	}
	Type t = tensor_type(&c->m.arena, elem, rank, dim);
	if (bounded) t.bound = COPY(&c->m.arena, int64_t, bound, rank);
	if (axis == -2) return t;
	Quant *q = NEW(&c->m.arena, Quant, 1);
	int nscale = axis < 0 ? 1 : (int)dim[axis];
	double *scale = NEW(&c->m.arena, double, nscale);
	for (int i = 0; i < nscale; i++) scale[i] = other ? 0.25 : 0.5;
	*q = (Quant){ other ? DTYPE_u8 : DTYPE_i8, elem, other ? 0 : -128, other ? 255 : 127, false, axis, nscale, scale, NEW(&c->m.arena, int64_t, nscale) };
	t.quant = q;
	return t;
}

/* -- attributes ------------------------------------------------------------------------------------------ */

static int64_t enum_named(AttrKind kind, const char *s)
{
	static const struct { AttrKind kind; int first; const char *names; } list[] = {
		{ KIND_BOOL, 0, "false true" }, { KIND_DIRECTION, 0, "EQ NE GE GT LE LT" },
		{ KIND_COMPARE_TYPE, 0, "NOTYPE FLOAT TOTALORDER SIGNED UNSIGNED" },
			{ KIND_FFT_TYPE, 0, "FFT IFFT RFFT IRFFT" },
		{ KIND_TRANSPOSE, 0, "TRANSPOSE_INVALID NO_TRANSPOSE TRANSPOSE ADJOINT" },
			{ KIND_RNG_ALGORITHM, 0, "DEFAULT THREE_FRY PHILOX" },
		{ KIND_RNG_DISTRIBUTION, 1, "UNIFORM NORMAL" },
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		int64_t v = list[i].first;
		if (list[i].kind != kind) continue;
		for (const char *p = list[i].names; *p; p += strcspn(p, " "), p += *p == ' ', v++)
			if (strlen(s) == strcspn(p, " ") && !strncmp(p, s, strlen(s))) return v;
	}
	return strtoll(s, NULL, 10);
}

/* 2x2:0,1,2,3 */
static const Dense *grid(Case *c, const char *s)
{
	int64_t dim[2] = { 0, 0 };
	char *end;
	dim[0] = strtoll(s, &end, 10);
	dim[1] = strtoll(end + (*end == 'x'), &end, 10);
	Ints v = numbers(c, *end == ':' ? end + 1 : "");
	Dense *d = NEW(&c->m.arena, Dense, 1);
	*d = (Dense){ tensor_type(&c->m.arena, DTYPE_i64, 2, dim), false, v.v, (size_t)v.n * 8 };
	return d;
}

/* f32[2]:8 - a type, and how many bytes (of zero) stand for it */
static const Dense *zeros(Case *c, const char *s, Line *l)
{
	const char *colon = strchr(s, ':');
	size_t n = colon ? strtoul(colon + 1, NULL, 10) : 0;
	Dense *d = NEW(&c->m.arena, Dense, 1);
	*d = (Dense){ type_named(c, arena_str(&c->m.arena, s, strcspn(s, ":")), l), false, NEW(&c->m.arena, char, n + 1), n };
	return d;
}

static int64_t place(const char *s, char what)
{
	const char *at = strchr(s, what);
	return at ? at - s : -1;
}

static Ints digits(Case *c, const char *s)
{
	int64_t v[10];
	int n = 0;
	while (n < 10 && strchr(s, '0' + n)) v[n] = place(s, (char)('0' + n)), n++;
	return (Ints){ n, COPY(&c->m.arena, int64_t, v, n) };
}

/* b01f,01io,b01f: input, kernel, output */
static const ConvDims *conv_dims(Case *c, const char *s)
{
	const char *part[3] = { "", "", "" };
	for (int i = 0; i < 3; i++) {
		size_t n = strcspn(s, ",");
		part[i] = arena_str(&c->m.arena, s, n);
		s += n + (s[n] == ',');
	}
	ConvDims *d = NEW(&c->m.arena, ConvDims, 1);
	*d = (ConvDims){ place(part[0], 'b'), place(part[0], 'f'), digits(c, part[0]), place(part[1], 'i'), place(part[1], 'o'),
		digits(c, part[1]), place(part[2], 'b'), place(part[2], 'f'), digits(c, part[2]) };
	return d;
}

/* A field of the op's struct attribute: offset_dims=0,1 */
static bool set_field(Case *c, Attr *a, AttrKind kind, const char *name, const char *value)
{
#define FIELD(k, s, f) { k, #f, offsetof(s, f) }
	static const struct { AttrKind kind; const char *name; size_t at; } field[] = {
		FIELD(KIND_DOT_DIMS, DotDims, lhs_batching), FIELD(KIND_DOT_DIMS, DotDims, rhs_batching),
		FIELD(KIND_DOT_DIMS, DotDims, lhs_contracting), FIELD(KIND_DOT_DIMS, DotDims, rhs_contracting),
		FIELD(KIND_GATHER_DIMS, GatherDims, offset_dims), FIELD(KIND_GATHER_DIMS, GatherDims,
			collapsed_slice_dims),
		FIELD(KIND_GATHER_DIMS, GatherDims, operand_batching_dims),
			FIELD(KIND_GATHER_DIMS, GatherDims, start_index_map),
		FIELD(KIND_GATHER_DIMS, GatherDims, start_indices_batching_dims),
			FIELD(KIND_GATHER_DIMS, GatherDims, index_vector_dim),
		FIELD(KIND_SCATTER_DIMS, ScatterDims, update_window_dims),
			FIELD(KIND_SCATTER_DIMS, ScatterDims, inserted_window_dims),
		FIELD(KIND_SCATTER_DIMS, ScatterDims, input_batching_dims),
			FIELD(KIND_SCATTER_DIMS, ScatterDims, index_vector_dim),
		FIELD(KIND_SCATTER_DIMS, ScatterDims, scatter_indices_batching_dims),
		FIELD(KIND_SCATTER_DIMS, ScatterDims, scatter_dims_to_operand_dims),
	};
#undef FIELD
	for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
		if (field[i].kind != kind || !is(field[i].name, name)) continue;
		if (!a->set) *a = (Attr){ .set = true, .scatter = (const ScatterDims *)arena_alloc(&c->m.arena, 1,
			2 * sizeof(ScatterDims)) };
		char *base = (char *)(uintptr_t)a->scatter;
		if (is(name, "index_vector_dim")) *(int64_t *)(void *)(base + field[i].at) = strtoll(value, NULL, 10);
		else *(Ints *)(void *)(base + field[i].at) = numbers(c, value);
		return true;
	}
	return false;
}

static Attr attr_value(Case *c, AttrKind kind, const char *s, Line *l)
{
	Attr a = { .set = true };
	DotAlgorithm *alg;
	switch (kind) {
	case KIND_DIMS: case KIND_BOOLS: case KIND_PADDING: case KIND_PRECISION: case KIND_CHANNEL: case KIND_CHANNEL_AND_TYPE:
		a.ints = numbers(c, s);
		break;
	case KIND_STR: case KIND_SYMBOL: a.str = s; break;
	case KIND_CONV_DIMS: a.conv = conv_dims(c, s); break;
	case KIND_I64_ELEMENTS: case KIND_REPLICA_GROUPS: a.dense = grid(c, s); break;
	case KIND_DENSE: a.dense = zeros(c, s, l); break;
	case KIND_F32: a.f = strtod(s, NULL); break;
	case KIND_DOT_ALGORITHM:
		a.algorithm = alg = NEW(&c->m.arena, DotAlgorithm, 1);
		*alg = (DotAlgorithm){ DTYPE_f32, DTYPE_f32, DTYPE_f32, strtoll(s, NULL, 10), 1, 1, false };
		break;
	default: a.i = enum_named(kind, s);
	}
	return a;
}

static void set_attr(Case *c, OpCode code, Attr *attr, const char *s, Line *l)
{
	const char *value = strchr(s, '=') + 1;
	const char *name = arena_str(&c->m.arena, s, (size_t)(value - s) - 1);
	int i = op_attr_index(code, name);
	if (i >= 0) {
		attr[i] = attr_value(c, op_table[code].attr[i].kind, value, l);
		return;
	}
	for (i = 0; op_table[code].attr[i].name; i++)
		if (set_field(c, &attr[i], op_table[code].attr[i].kind, name, value)) return;
	l->wrong = s;
}

/* -- ops ------------------------------------------------------------------------------------------------- */

static Value value_named(const Case *c, const Values *here, const char *s, Line *l)
{
	bool outer = s[1] == '^';
	int i = atoi(s + 1 + outer);
	const Values *v = outer ? &c->outer : here;
	if (i < 0 || i >= v->n) return l->wrong = s, 0;
	return v->v[i];
}

static bool ends_operands(const char *s)
{
	return !*s || is(s, "{") || is(s, "}") || is(s, "->") || is(s, "|") || is(s, ";") || is(s, "!")
		|| is(s, "?!");
}

/* Operands and attributes up to what ends them: %n of a region, types (new arguments), const:1,2 (an i64 vector). */
static void operands(Case *c, Line *l, OpCode code, const Values *here, Values *in, Attr *attr)
{
	int from = l->at;
	for (; !ends_operands(peek(l)) && in->n < MAX_VALUES; l->at++) {
		const char *s = peek(l);
		if (strchr(s, '=') && !strstr(s, "<=")) set_attr(c, code, attr, s, l);
		else if (*s == '%') in->v[in->n++] = value_named(c, here, s, l);
		else if (!strncmp(s, "const:", 6)) in->v[in->n++] = 0;
		else in->v[in->n++] = func_arg(&c->m, c->b.func, type_named(c, s, l), NULL);
	}
	int end = l->at, n = 0;
	for (l->at = from; l->at < end; l->at++) {
		const char *s = peek(l);
		if (strchr(s, '=') && !strstr(s, "<=")) continue;
		Ints v = numbers(c, strncmp(s, "const:", 6) ? "" : s + 6);
		if (!strncmp(s, "const:", 6)) in->v[n] = hlo_ints(&c->b, v.n, v.v, DTYPE_i64);
		n++;
	}
}

static Region *region(Case *c, Line *l);

static int regions(Case *c, Line *l, Region **r)
{
	int n = 0;
	while (n < 4 && take(l, "{")) r[n++] = region(c, l);
	return n;
}

static int types(Case *c, Line *l, Type *t)
{
	int n = 0;
	while (n < 8 && !ends_operands(peek(l))) t[n++] = type_named(c, next(l), l);
	return n;
}

/* { types of the arguments | op ; op | values returned } */
static Region *region(Case *c, Line *l)
{
	Type t[MAX_VALUES];
	Values here = { 0 }, ret = { 0 };
	int narg = types(c, l, t);
	Region *r = region_begin(&c->b, narg, t, here.v);
	here.n = narg;
	if (!take(l, "|")) l->wrong = "region without |";
	while (!is(peek(l), "|") && l->at < l->n && !l->wrong) {
		const char *name = next(l);
		OpCode code = op_by_name(name, strlen(name));
		Attr attr[MAX_ATTRS + 1] = { 0 };
		Values in = { 0 };
		Type out[8];
		Region *inner[4];
		if (!code) l->wrong = name;
		operands(c, l, code, &here, &in, attr);
		int nregion = regions(c, l, inner), nout = take(l, "->") ? types(c, l, out) : 0;
		if (l->wrong) break;
		Op *op = emit_op(&c->b, code, nout ? nout : 1, nout ? out : NULL, in.n, in.v, attr, nregion, inner);
		for (int i = 0; op && i < op->nout && here.n < MAX_VALUES; i++) here.v[here.n++] = op->out + (Value)i;
		take(l, ";");
	}
	take(l, "|");
	while (!take(l, "}") && l->at < l->n) ret.v[ret.n++] = value_named(c, &here, next(l), l);
	region_end(&c->b, r, ret.n, ret.v);
	return r;
}

/* The line's op in a function that returns what the op gives. */
static void build(Case *c, Line *l)
{
	const char *name = next(l);
	OpCode code = op_by_name(name, strlen(name));
	Attr attr[MAX_ATTRS + 1] = { 0 };
	Values in = { 0 };
	Type out[8];
	Region *r[4];
	if (!code) l->wrong = name;
	operands(c, l, code, &c->outer, &in, attr);
	c->outer = in;
	int nregion = regions(c, l, r), nout = take(l, "->") ? types(c, l, out) : 0;
	if (l->wrong || c->err.code) return;
	c->lenient = take(l, "?!");
	if (c->lenient || take(l, "!")) c->clause = next(l);
	c->op = op_new(&c->m, code, nout, out, in.n, in.v, attr);
	c->op->nregion = nregion;
	c->op->region = COPY(&c->m.arena, Region *, r, nregion);
	*push(&c->m.arena, &c->b.at->op) = c->op;
	Value ret[8];
	for (int i = 0; i < nout; i++) ret[i] = c->op->out + (Value)i;
	func_return(&c->b, nout, ret);
}

static void cut(Line *l, char *s)
{
	*l = (Line){ 0 };
	for (char *p = strtok(s, " \t\n"); p && l->n < MAX_TOKENS; p = strtok(NULL, " \t\n")) l->token[l->n++] = p;
}

static void begin(Case *c)
{
	memset(c, 0, sizeof *c);
	c->m.err = &c->err;
	c->m.arena.full = &c->full;
	c->b = builder(&c->m, func_new(&c->m, "main"));
}

static void end(Case *c)
{
	module_free(&c->m);
	err_clear(&c->err);
}

/* -- what is done with a case ---------------------------------------------------------------------------- */

/* A right op infers the very types that the line gives. */
static const char *inferred(Case *c)
{
	Type t[8];
	Infer *infer = op_table[c->op->code].infer;
	if (c->clause || !infer || c->op->code == OP_uniform_quantize) return NULL;
	if (!infer(&c->m, c->op, c->op->nout, t)) return err_msg(&c->err);
	for (int i = 0; i < c->op->nout; i++)
		if (!type_eq(t[i], value_type(&c->m, c->op->out + (Value)i)) && c->op->code != OP_dot_general)
			return arena_printf(&c->m.arena, "infers %s", type_str(&c->m.arena, t[i]));
	return NULL;
}

/* NULL: verify() says what the line says. */
static const char *judged(Case *c)
{
	bool ok = verify(&c->m);
	const char *said = err_msg(&c->err);
	if (!c->clause) return ok ? inferred(c) : said;
	if (ok) return arena_printf(&c->m.arena, "accepted, wanted %s", c->clause);
	const char *at = strstr(said, c->clause);
	return at && at[strlen(c->clause)] == ':' ? NULL : arena_printf(&c->m.arena, "refused by \"%s\", wanted %s",
		said, c->clause);
}

static bool check_case(Case *c, Line *l, int number)
{
	build(c, l);
	const char *wrong = l->wrong ? l->wrong : c->err.code ? err_msg(&c->err) : judged(c);
	if (wrong) printf("line %d: %s\n", number, wrong);
	return !wrong;
}

static bool print_case(Case *c, Line *l, int number)
{
	Buf b = { 0 };
	build(c, l);
	bool ok = !l->wrong && print_module(&c->m, &b) && !b.failed;
	const char *verdict = !c->clause ? "right" : c->lenient ? "lenient" : c->clause;
	if (ok) printf("// ----- line %d %s\n%.*s\n", number, verdict, (int)b.n, (const char *)b.p);
	else printf("// ----- line %d unprintable: %s\n", number, l->wrong ? l->wrong : err_msg(&c->err));
	buf_free(&b);
	return ok;
}

static uint32_t roll(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % n;
}

static void break_type(Case *c, Type *t, uint32_t *seed)
{
	switch (roll(seed, 6)) {
	case 0: t->elem = (DType)roll(seed, NDTYPES + 1); break;
	case 1: t->rank = t->rank ? t->rank - 1 : 0; break;
	case 2: t->kind = (TypeKind)roll(seed, 4); break;
	case 3: t->quant = NULL; break;
	default:
		if (!t->rank) break;
		int64_t *dim = COPY(&c->m.arena, int64_t, t->dim, t->rank);
		dim[roll(seed, (uint32_t)t->rank)] = (int64_t[]){ 0, 1, DYNAMIC, -7, INT64_MAX, 5 }[roll(seed, 6)];
		t->dim = dim;
	}
}

static void break_ints(Case *c, Ints *x, uint32_t *seed)
{
	static const int64_t odd[] = { -1, 0, 1, 7, INT64_MAX, INT64_MIN, 64, 1 << 20 };
	if (!x->n) return;
	if (!roll(seed, 3)) {
		x->n--;
		return;
	}
	int64_t *v = COPY(&c->m.arena, int64_t, x->v, x->n);
	v[roll(seed, (uint32_t)x->n)] = odd[roll(seed, 8)];
	x->v = v;
}

static void break_attr(Case *c, AttrKind kind, Attr *a, uint32_t *seed)
{
	if (!roll(seed, 4)) a->set = false;
	if (!a->set) return;
	switch (kind) {
	case KIND_DIMS: case KIND_PADDING: case KIND_PRECISION: break_ints(c, &a->ints, seed); break;
	case KIND_I64: case KIND_I32: case KIND_BOOL: a->i = (int64_t)roll(seed, 9) - 3; break;
	case KIND_GATHER_DIMS: break_ints(c, (Ints *)(uintptr_t)a->gather + roll(seed, 5), seed); break;
	case KIND_SCATTER_DIMS: break_ints(c, (Ints *)(uintptr_t)a->scatter + roll(seed, 5), seed); break;
	case KIND_DOT_DIMS: break_ints(c, (Ints *)(uintptr_t)a->dot + roll(seed, 4), seed); break;
	case KIND_CONV_DIMS: ((ConvDims *)(uintptr_t)a->conv)->input_batch = (int64_t)roll(seed, 9) - 3; break;
	default: a->i = 0;
	}
}

/* Any value of the module, or one that does not exist. */
static Value odd_value(const Case *c, uint32_t *seed) { return (Value)roll(seed, (uint32_t)c->m.value.n + 3); }

static void break_region(Case *c, Region *r, uint32_t *seed)
{
	switch (roll(seed, 5)) {
	case 0: r->op.n -= r->op.n > 0; break;
	case 1: r->narg -= r->narg > 0; break;
	case 2: r->narg = 1000000; break;
	case 3: if (r->narg) break_type(c, &c->m.value.v[r->arg].type, seed); break;
	default: if (r->op.n && r->op.v[0]->nin) r->op.v[0]->in[0] = odd_value(c, seed);
	}
}

static void break_op(Case *c, Op *op, uint32_t *seed)
{
	uint32_t nattr = (uint32_t)op_nattr(op->code), i = nattr ? roll(seed, nattr) : 0;
	uint32_t k = op->nin ? roll(seed, (uint32_t)op->nin) : 0;
	switch (roll(seed, 7)) {
	case 0: if (op->nin) op->in[k] = odd_value(c, seed); break;
	case 1: op->nin -= op->nin > 0; break;
	case 2: op->nout = (int)roll(seed, 4); break;
	case 3: if (nattr) break_attr(c, op_table[op->code].attr[i].kind, &op->attr[i], seed); break;
	case 4: if (op->nregion) break_region(c, op->region[roll(seed, (uint32_t)op->nregion)], seed); break;
	case 5: op->nregion -= op->nregion > 0; break;
	default: if (op->nin) break_type(c, &c->m.value.v[op->in[k] % (Value)c->m.value.n].type, seed);
	}
}

static bool fuzz_case(Case *c, Line *l, int number)
{
	static uint32_t seed = 1;
	(void)number;
	build(c, l);
	if (!c->op) return false;
	for (uint32_t left = 1 + roll(&seed, 3); left; left--) break_op(c, c->op, &seed);
	verify(&c->m);
	return true;
}

typedef bool Action(Case *c, Line *l, int number);

static bool run(Action *action, const char *text, int number)
{
	static Case c;
	Line l;
	char copy[4096];
	strcpy(copy, text);
	cut(&l, copy);
	begin(&c);
	bool ok = !setjmp(c.full) && action(&c, &l, number);
	end(&c);
	return ok;
}

/* -- every op -------------------------------------------------------------------------------------------- */

/* code OP_none: the which-th program. Some modules are wrong on purpose, for the bytecode's sake: a precision beside an algorithm,
 * reductions that capture what XLA does not let them. */
static bool accepts(OpCode code, int which)
{
	static Case c;
	memset(&c, 0, sizeof c);
	c.m.err = &c.err;
	c.m.arena.full = &c.full;
	if (setjmp(c.full)) return false;
	if (code) build_every_op(code, which, &c.m);
	else build_program(which, &c.m);
	bool ok = verify(&c.m) || strstr(err_msg(&c.err), "dot_general_c21")
		|| (!code && strstr(err_msg(&c.err), "may capture only constants"));
	if (!ok) printf("%s %d: %s\n", code ? op_table[code].name : program_name(which), which, err_msg(&c.err));
	end(&c);
	return ok;
}

static int every_op(void)
{
	int n = 0, nfailed = 0;
	for (OpCode code = 1; code < NOPS; code++)
		for (int i = 0; i < every_op_count(code); i++, n++) nfailed += !accepts(code, i);
	for (int i = 0; i < program_count(); i++, n++) nfailed += !accepts(OP_none, i);
	printf("%d modules, %d failed\n", n, nfailed);
	return nfailed != 0;
}

int main(int argc, char **argv)
{
	bool print = argc == 3 && is(argv[1], "-m"), fuzz = argc == 3 && is(argv[1], "-f");
	Action *action = print ? print_case : fuzz ? fuzz_case : check_case;
	FILE *f = argc > 1 ? fopen(argv[argc - 1], "r") : NULL;
	char text[4096];
	int number = 0, ncase = 0, nfailed = 0;
	if (argc == 2 && is(argv[1], "-e")) return every_op();
	if (!f) return fprintf(stderr, "usage: test_infer [-m|-f] FILE, or -e\n"), 2;
	while (fgets(text, sizeof text, f)) {
		number++;
		if (*text == '#' || *text == '\n') continue;
		ncase++;
		for (int turn = fuzz ? 300 : 1; turn; turn--) nfailed += !run(action, text, number);
	}
	fclose(f);
	if (!print) printf("%d cases, %d failed\n", ncase, nfailed);
	return nfailed != 0;
}
