/* Folding while building: ops that change nothing, and arithmetic on scalars and splats.
 *
 * What is folded gives the very bits that XLA would: one rounding per operation. Add, subtract, multiply
 * and divide of f32 and narrower floats are done in double and rounded once, which is exact in the sense
 * of IEEE 754 (a double has more than 2p + 2 bits of them). Transcendentals are left to the device. */
#include "stablehlo/ir.h"

#include <math.h>
#include <string.h>

const Dense *constant_of(const Builder *b, Value v)
{
	if (!v) return NULL;
	const Op *op = b->m->value.v[v].def;
	if (!op || op->code != OP_constant) return NULL;
	const Dense *d = op->attr[0].dense;
	return d->splat || !d->type.rank ? d : NULL;
}

/* A splat of type t with the element at p. */
static Value splat_of(Builder *b, Type t, const void *p)
{
	size_t n = dtype_nbytes(t.elem);
	int64_t numel = type_numel(t);
	return hlo_constant(b, t, arena_copy(b->a, p, 1, n), numel ? n : 0);
}

static bool is_permutation_identity(Ints p)
{
	for (int i = 0; i < p.n; i++)
		if (p.v[i] != i) return false;
	return true;
}

/* Every result element is some element of the one operand. */
static bool moves_elements(OpCode code)
{
	return code == OP_reshape || code == OP_broadcast_in_dim || code == OP_transpose || code == OP_slice
		|| code == OP_reverse;
}

/* Of a transpose: one of both. */
static Value fold_transposes(Builder *b, Type t, const Op *def, Ints p)
{
	Ints q = def->attr[0].ints;
	int64_t *both = NEW(b->a, int64_t, p.n + 1);
	for (int i = 0; i < p.n; i++) both[i] = q.v[p.v[i]];
	Attr attr = { .set = true, .ints = { p.n, both } };
	return emit(b, OP_transpose, &t, 1, def->in, &attr);
}

static Value fold_move(Builder *b, OpCode code, Type t, Value x, const Attr *attr)
{
	Type from = type_of(b, x);
	const Dense *c = constant_of(b, x);
	if (c && !c->type.quant && is_static(t)) return splat_of(b, t, c->data);
	if (code != OP_reverse && type_eq(from, t)) {
		if (code == OP_reshape || code == OP_slice) return x;
		if (is_permutation_identity(attr[0].ints)) return x;
	}
	const Op *def = b->m->value.v[x].def;
	if (code == OP_transpose && def && def->code == OP_transpose) return fold_transposes(b, t, def, attr[0].ints);
	if (code == OP_reshape && def && def->code == OP_reshape) {
		if (type_eq(type_of(b, def->in[0]), t)) return def->in[0];
		return emit(b, OP_reshape, &t, 1, def->in, NULL);
	}
	return 0;
}

static bool fold_float(OpCode code, double x, double y, double *out)
{
	switch (code) {
	case OP_add:      *out = x + y; return true;
	case OP_subtract: *out = x - y; return true;
	case OP_multiply: *out = x * y; return true;
	case OP_divide:   *out = x / y; return true;
	case OP_maximum: case OP_minimum:
		if (x == 0 && y == 0) return false;      /* of two signs, perhaps */
		*out = isnan(x) || isnan(y) ? NAN : (x > y) == (code == OP_maximum) ? x : y;
		return true;
	default: return false;
	}
}

/* Two's complement, so unsigned arithmetic serves both; division and comparison are left alone where signs
 * matter. */
static bool fold_int(OpCode code, DType t, int64_t x, int64_t y, int64_t *out)
{
	bool less = is_unsigned(t) ? (uint64_t)x < (uint64_t)y : x < y;
	switch (code) {
	case OP_add:      *out = (int64_t)((uint64_t)x + (uint64_t)y); return true;
	case OP_subtract: *out = (int64_t)((uint64_t)x - (uint64_t)y); return true;
	case OP_multiply: *out = (int64_t)((uint64_t)x * (uint64_t)y); return true;
	case OP_maximum:  *out = less ? y : x; return true;
	case OP_minimum:  *out = less ? x : y; return true;
	default: return false;
	}
}

/* x * 1, x / 1, and for integers x + 0, x - 0 (for floats -0.0 + 0 is 0.0). */
static Value fold_neutral(Builder *b, OpCode code, Type t, Value x, const Dense *y)
{
	if (!y || t.quant || is_complex(t.elem) || t.elem == DTYPE_bool || !type_eq(type_of(b, x), t)) return 0;
	double v = dtype_load(t.elem, y->data, 0);
	if ((code == OP_multiply || code == OP_divide) && v == 1) return x;
	if ((code == OP_add || code == OP_subtract) && v == 0 && is_int(t.elem)) return x;
	return 0;
}

/* Elements below a byte have one each: arithmetic would leave bits beyond theirs. */
static bool is_packed(DType t) { return dtype_info(t)->nbits % 8 != 0; }

static Value fold_binary(Builder *b, OpCode code, Type t, const Value *in)
{
	const Dense *x = constant_of(b, in[0]), *y = constant_of(b, in[1]);
	Value same = fold_neutral(b, code, t, in[0], y);
	if (!same && (code == OP_multiply || code == OP_add)) same = fold_neutral(b, code, t, in[1], x);
	if (same) return same;
	if (!x || !y || t.quant || is_packed(t.elem)) return 0;
	uint8_t bytes[16] = { 0 };
	double f;
	int64_t i;
	if (is_float(t.elem) && fold_float(code, dtype_load(t.elem, x->data, 0), dtype_load(t.elem, y->data, 0), &f))
		dtype_store(t.elem, bytes, 0, f);
	else if (is_int(t.elem) && fold_int(code, t.elem, dtype_load_int(t.elem, x->data), dtype_load_int(t.elem, y->data), &i))
		dtype_store_int(t.elem, bytes, i);
	else
		return 0;
	return splat_of(b, t, bytes);
}

/* Beyond 2^53 a double has not all digits, and rounding twice is not rounding once. */
static bool fits_double(int64_t i) { return i >= -(1ll << 53) && i <= 1ll << 53; }

/* What is beyond an integer type, NaN too, the device decides. */
static bool fits_int(DType t, double v)
{
	double most = ldexp(1, dtype_info(t)->nbits - !is_unsigned(t));
	return v < (most < 9007199254740992.0 ? most : 9007199254740992.0) && v > (is_unsigned(t) ? -1 : -most - 1)
	    && v > -9007199254740992.0;
}

static Value fold_convert(Builder *b, Type t, Value x)
{
	const Dense *c = constant_of(b, x);
	DType from = elem_of(b, x);
	if (from == t.elem) return x;
	if (!c || t.quant || c->type.quant || is_complex(from)) return 0;
	if ((is_packed(from) && from != DTYPE_bool) || (is_packed(t.elem) && t.elem != DTYPE_bool)) return 0;
	uint8_t bytes[16] = { 0 };
	bool whole = is_int(from) || from == DTYPE_bool;
	if (whole && (is_int(t.elem) || t.elem == DTYPE_bool))
		dtype_store_int(t.elem, bytes, dtype_load_int(from, c->data));
	else {
		double v = dtype_load(from, c->data, 0);
		if (is_int(t.elem) && !fits_int(t.elem, v)) return 0;
		if (whole && !fits_double(dtype_load_int(from, c->data))) return 0;
		dtype_store(t.elem, bytes, 0, v);
	}
	return splat_of(b, t, bytes);
}

static Value fold_negate(Builder *b, Type t, Value x)
{
	const Dense *c = constant_of(b, x);
	if (!c || t.quant || is_packed(t.elem) || !(is_float(t.elem) || is_int(t.elem))) return 0;
	uint8_t bytes[16] = { 0 };
	if (is_float(t.elem)) dtype_store(t.elem, bytes, 0, -dtype_load(t.elem, c->data, 0));
	else dtype_store_int(t.elem, bytes, (int64_t)(0 - (uint64_t)dtype_load_int(t.elem, c->data)));
	return splat_of(b, t, bytes);
}

Value fold(Builder *b, OpCode code, Type t, int nin, const Value *in, const Attr *attr)
{
	if (moves_elements(code)) return fold_move(b, code, t, in[0], attr);
	if (code == OP_convert) return is_static(t) ? fold_convert(b, t, in[0]) : 0;
	if (code == OP_concatenate && nin == 1) return in[0];
	if (!is_static(t)) return 0;
	if (code == OP_negate) return fold_negate(b, t, in[0]);
	if (op_table[code].binary) return fold_binary(b, code, t, in);
	return 0;
}
