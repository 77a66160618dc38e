/* The forms of ops.def, walked: literal text, {operands and attributes}, <optional parts>, {@hooks}. */
#include "stablehlo/print.h"

#include <string.h>

static bool is_word(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(s, word, n);
}

static const Attr *attr_of(const Op *op, const char *name)
{
	int i = op_attr_index(op->code, name);
	return i >= 0 && op->attr[i].set ? &op->attr[i] : NULL;
}

/* Attributes that are none of the op's own, where the form has no other attributes left. */
static void put_extra(Printer *p, const Op *op)
{
	if (op->extra) put_any_dict(p->b, op->extra);
}

/* -- hooks: what the language cannot say ----------------------------------------------------------------- */

/* The one op of a reduction that prints as `applies stablehlo.add`: commutative, on the arguments in
 * order, on scalars of the first input's element type, its result returned (AssemblyFormat.cpp,
 * isReduceEligibleForCompactPrint). */
const Op *compact_body(const Printer *p, const Op *op)
{
	const Region *r = op->region[0];
	if (r->op.n != 2 || r->narg != 2 || op->nin < 2) return NULL;
	const Op *inner = r->op.v[0], *ret = r->op.v[1];
	switch (inner->code) {
	case OP_add: case OP_maximum: case OP_minimum: case OP_multiply: case OP_and: case OP_or: case OP_xor: break;
	default: return NULL;
	}
	Type input = value_type(p->m, op->in[0]);
	Type elem = { .kind = TYPE_TENSOR, .elem = input.elem, .quant = input.quant };
	bool same = type_eq(value_type(p->m, r->arg), elem) && type_eq(value_type(p->m, r->arg + 1), elem)
	         && type_eq(value_type(p->m, inner->out), elem);
	bool forwarded = inner->in[0] == r->arg && inner->in[1] == r->arg + 1 && ret->nin == 1
		&& ret->in[0] == inner->out;
	return same && forwarded ? inner : NULL;
}

static void reducer(Printer *p, const Op *op)
{
	const Region *r = op->region[0];
	int n = r->narg / 2;
	name_region(p, r, p->scope, false);
	put_newline(p);
	PUT(p->b, " reducer");
	for (int i = 0; i < n; i++) {
		put_byte(p->b, '(');
		put_argument(p, r->arg + (Value)i);
		PUT(p->b, ", ");
		put_argument(p, r->arg + (Value)(i + n));
		PUT(p->b, ") ");
	}
	put_byte(p->b, ' ');
	put_region(p, op, 0, false);
}

/* (%x init: %c) applies stablehlo.add across dimensions = [1] : fn, or without `applies` and with a
 * reducer below. */
static void hook_reduce(Printer *p, const Op *op)
{
	int n = op->nin / 2;
	for (int i = 0; i < n; i++) {
		put_str(p->b, i ? ", (" : "(");
		put_value(p, op->in[i]);
		PUT(p->b, " init: ");
		put_value(p, op->in[i + n]);
		put_byte(p->b, ')');
	}
	const Op *inner = compact_body(p, op);
	if (inner) {
		PUT(p->b, " applies ");
		put_op_name(p, inner);
	}
	PUT(p->b, " across dimensions = ");
	put_list(p->b, op->attr[0].ints);
	put_extra(p, op);
	PUT(p->b, " : ");
	put_fn(p, op);
	if (!inner) reducer(p, op);
}

/* (%iterArg = %0, %iterArg_1 = %1) : types, cond { ... } do { ... } on the next lines. */
static void hook_while(Printer *p, const Op *op)
{
	const Region *body = op->region[1];
	name_region(p, body, p->scope, true);
	put_byte(p->b, '(');
	for (int i = 0; i < op->nin && i < body->narg; i++) {
		if (i) PUT(p->b, ", ");
		put_value(p, body->arg + (Value)i);
		PUT(p->b, " = ");
		put_value(p, op->in[i]);
	}
	put_byte(p->b, ')');
	if (op->nin) {
		PUT(p->b, " : ");
		put_operand_types(p, op);
	}
	if (op->extra && op->extra->n) {
		PUT(p->b, " attributes");
		put_extra(p, op);
	}
	put_newline(p);
	PUT(p->b, "cond ");
	put_region(p, op, 0, false);
	PUT(p->b, " do ");
	put_region(p, op, 1, false);
}

static void hook_barrier(Printer *p, const Op *op)
{
	put_extra(p, op);
	if (!op->nin) { PUT(p->b, "()"); return; }
	put_byte(p->b, ' ');
	put_values(p, op->nin, op->in);
	PUT(p->b, " : ");
	put_operand_types(p, op);
}

/* A value of another type than the result (a quantized constant) makes the op generic. */
static void hook_constant(Printer *p, const Op *op)
{
	const Dense *d = op->attr[0].dense;
	if (!type_eq(d->type, value_type(p->m, op->out))) { put_generic(p, op); return; }
	put_extra(p, op);
	put_byte(p->b, ' ');
	put_dense(p->b, d, false);
}

static void hook_symbol(Printer *p, const Op *op)
{
	PUT(p->b, " @");
	put_word(p->b, op->attr[0].str);
}

/* [0:4, 1:8:2]: start:limit, and the stride unless it is 1. */
static void hook_slice(Printer *p, const Op *op)
{
	Ints start = op->attr[0].ints, limit = op->attr[1].ints, stride = op->attr[2].ints;
	put_byte(p->b, '[');
	for (int i = 0; i < start.n && i < limit.n && i < stride.n; i++) {
		if (i) PUT(p->b, ", ");
		put_int(p->b, start.v[i]);
		put_byte(p->b, ':');
		put_int(p->b, limit.v[i]);
		if (stride.v[i] == 1) continue;
		put_byte(p->b, ':');
		put_int(p->b, stride.v[i]);
	}
	put_byte(p->b, ']');
}

/* e5m10 */
static void hook_format(Printer *p, const Op *op)
{
	put_byte(p->b, 'e');
	put_int(p->b, attr_of(op, "exponent_bits") ? attr_of(op, "exponent_bits")->i : 0);
	put_byte(p->b, 'm');
	put_int(p->b, attr_of(op, "mantissa_bits") ? attr_of(op, "mantissa_bits")->i : 0);
}

static void hook_window(Printer *p, const Op *op)
{
	static const struct { const char *attr, *text; AttrKind kind; } part[] = {
		{ "window_strides", "stride = ", KIND_DIMS }, { "padding", "pad = ", KIND_PADDING },
		{ "lhs_dilation", "lhs_dilate = ", KIND_DIMS }, { "rhs_dilation", "rhs_dilate = ", KIND_DIMS },
		{ "window_reversal", "reverse = ", KIND_BOOLS },
	};
	const char *sep = "";
	for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
		const Attr *a = attr_of(op, part[i].attr);
		if (!a) continue;
		put_str(p->b, sep);
		put_str(p->b, part[i].text);
		put_attr(p->b, part[i].kind, a, true);
		sep = ", ";
	}
}

static void hook_regions(Printer *p, const Op *op)
{
	if (!op->nregion) return;
	PUT(p->b, " (");
	put_regions(p, op);
	put_byte(p->b, ')');
}

/* ` %0, %1 : types`. Of nothing func.return says nothing; stablehlo.return still sets off its empty list. Other attributes stand
 * before the values of func.return, and behind those of stablehlo.return. */
static void hook_return(Printer *p, const Op *op)
{
	if (p->top) put_extra(p, op);
	if (op->nin || !p->top) put_byte(p->b, ' ');
	put_values(p, op->nin, op->in);
	if (!p->top) put_extra(p, op);
	if (!op->nin) return;
	PUT(p->b, " : ");
	put_operand_types(p, op);
}

/* -- types ----------------------------------------------------------------------------------------------- */

/* Whether two types are the same text: sizes that are not known all are "?". */
static bool prints_same(Type x, Type y)
{
	if (x.kind != TYPE_TENSOR || y.kind != TYPE_TENSOR || x.rank != y.rank) return type_eq(x, y);
	for (int i = 0; i < x.rank; i++)
		if (x.dim[i] != y.dim[i] && (x.dim[i] >= 0 || y.dim[i] >= 0)) return false;
	y.dim = x.dim;
	return type_eq(x, y);
}

static void hook_same(Printer *p, const Op *op)
{
	bool same = op->nout == 1;
	for (int i = 0; same && i < op->nin; i++)
		same = prints_same(value_type(p->m, op->in[i]), value_type(p->m, op->out));
	if (same) put_result_types(p, op);
	else put_fn(p, op);
}

/* The predicate's type and the result's. */
static void hook_select_type(Printer *p, const Op *op)
{
	Type t = value_type(p->m, op->out);
	if (!prints_same(value_type(p->m, op->in[1]), t) || !prints_same(value_type(p->m, op->in[2]), t)) { put_fn(p, op); return; }
	put_type(p->b, value_type(p->m, op->in[0]));
	PUT(p->b, ", ");
	put_type(p->b, t);
}

/* The result's type, when both parts have its real type. */
static void hook_complex_type(Printer *p, const Op *op)
{
	Type t = value_type(p->m, op->out);
	t.elem = real_of(t.elem);
	bool same = prints_same(value_type(p->m, op->in[0]), t) && prints_same(value_type(p->m, op->in[1]), t);
	if (same) put_result_types(p, op);
	else put_fn(p, op);
}

/* -- the walk -------------------------------------------------------------------------------------------- */

static const struct { const char *name; void (*print)(Printer *, const Op *); } hooks[] = {
	{ "fn", put_fn }, { "same", hook_same }, { "results", put_result_types },
	{ "@reduce", hook_reduce }, { "@while", hook_while }, { "@barrier", hook_barrier }, { "@constant", hook_constant },
	{ "@symbol", hook_symbol }, { "@slice", hook_slice }, { "@window", hook_window }, { "@regions", hook_regions },
	{ "@format", hook_format }, { "@return", hook_return }, { "@select_type", hook_select_type }, { "@complex_type", hook_complex_type },
};

static bool put_hook(Printer *p, const Op *op, const char *s, size_t n)
{
	size_t word = 0;
	while (word < n && s[word] != ' ') word++;
	for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
		if (is_word(s, word, hooks[i].name)) return hooks[i].print(p, op), true;
	return false;
}

/* Which operands the name stands for, by the row's `in`: every variadic has the same share of what the
 * others leave. */
static bool find_operands(const Op *op, const char *s, size_t n, int *first, int *count)
{
	const char *in = op_table[op->code].in;
	int fixed = 0, stars = 0, at = 0;
	for (const char *c = in; *c; c++) stars += *c == '*', fixed += *c == ',';
	fixed += *in != 0;
	fixed -= stars;
	int share = stars && op->nin > fixed ? (op->nin - fixed) / stars : 0;
	while (*in) {
		size_t len = strcspn(in, ",");
		*count = *in == '*' ? share : 1;
		if (len == n && !memcmp(in, s, n)) { *first = at; return at + *count <= op->nin; }
		at += *count;
		in += len;
		in += strspn(in, ", ");
	}
	return false;
}

/* An empty list takes the comma before it along. (MLIR keeps it in dynamic_slice of a scalar, `%0, , sizes
 * = []`, which it then cannot read; ours it can.) */
static void drop_comma(Buf *b)
{
	if (b->n >= 2 && !memcmp(b->p + b->n - 2, ", ", 2)) b->n -= 2;
}

static void put_item(Printer *p, const Op *op, const char *s, size_t n)
{
	int first, count;
	if (find_operands(op, s, n, &first, &count)) {
		if (!count) drop_comma(p->b);
		put_values(p, count, op->in + first);
		return;
	}
	const AttrDef *def = op_table[op->code].attr;
	for (int i = 0; def[i].name; i++)
		if (is_word(s, n, def[i].name)) {
			if (op->attr[i].set) put_attr(p->b, def[i].kind, &op->attr[i], true);
			return;
		}
	if (!put_hook(p, op, s, n)) p->b->failed = true;
}

/* Whether an item of the form, or a hook that the form hands it to, is `name`. */
static bool form_names(const char *form, const char *name)
{
	for (const char *open = form; (open = strchr(open, '{')); open++)
		for (const char *c = open + 1; *c && *c != '{' && *c != '}';) {
			size_t n = strcspn(c, " {}");
			if (is_word(c, n, name)) return true;
			c += n + (c[n] == ' ');
		}
	return false;
}

/* Those of op->extra after `last` and before `name` (NULL: to the end), in their order; returns the last of them. */
static int put_extra_until(Printer *p, const Op *op, int last, const char *name, bool *any)
{
	static const Any none = { .kind = ANY_DICT };
	const Any *extra = op->extra ? op->extra : &none;
	for (int i; (i = next_member(extra, last)) >= 0 && (!name || strcmp(extra->key[i], name) < 0); last = i) {
		put_str(p->b, *any ? ", " : " {");
		put_member(p->b, extra, i);
		*any = true;
	}
	return last;
}

/* Attributes that the form has no place for: ` {a = 1 : i64, b}`. */
static void put_rest(Printer *p, const Op *op, const char *form)
{
	const AttrDef *def = op_table[op->code].attr;
	bool any = false;
	const char *last = NULL;
	int last_extra = -1;
	for (int i; (i = next_attr(op, last)) >= 0; last = def[i].name) {
		if (is_default(def[i].kind, &op->attr[i]) || form_names(form, def[i].name)) continue;
		last_extra = put_extra_until(p, op, last_extra, def[i].name, &any);
		put_str(p->b, any ? ", " : " {");
		put_named_attr(p, &def[i], &op->attr[i]);
		any = true;
	}
	put_extra_until(p, op, last_extra, NULL, &any);
	if (any) put_byte(p->b, '}');
}

/* <, {x}>: whether x, the first item in the brackets, is there to be printed. */
static bool is_present(const Op *op, const char *part)
{
	const char *s = strchr(part, '{') + 1;
	const AttrDef *def = op_table[op->code].attr;
	for (int i = 0; def[i].name; i++)
		if (is_word(s, strcspn(s, "}"), def[i].name))
			return op->attr[i].set && !is_default(def[i].kind, &op->attr[i]);
	return false;
}

void put_form(Printer *p, const Op *op)
{
	const char *form = op_table[op->code].form, *s = form;
	if (*s == ':') put_rest(p, op, form);
	if (*s != '(' && strncmp(s, "{@", 2) != 0) put_byte(p->b, ' ');
	while (*s) {
		size_t n = strcspn(s, "{<> ");
		put(p->b, s, n);
		s += n;
		if (*s == '{' && s[1] != '{') {
			n = strcspn(s, "}");
			put_item(p, op, s + 1, n - 1);
			s += n + 1;
		} else if (*s == '<') {
			s += is_present(op, s) ? 1 : strcspn(s, ">") + 1;
		} else if (*s == '>') {
			s++;
		} else if (*s) {
			if (!strncmp(s, " : ", 3)) put_rest(p, op, form);
			put_byte(p->b, (uint8_t)*s++);
		}
	}
}
