/* conv(x, w) * s + b -> conv(x, w * s) + b: what is multiplied to a convolution's features goes into its weights. A batch norm whose
 * statistics are weights is (y - mean) * rsqrt(variance + epsilon) * gain + bias, all of them vectors over the features. */
#include "tune/tune.h"

#include "stablehlo/clone.h"
#include "tune/uses.h"

/* conv(x, w * scale) + shift, not made yet; scale and shift over the features, 0: none. */
typedef struct Scaled {
	const Op *conv;              /* NULL: no such value */
	Value scale, shift;
	Loc loc;                     /* of the op that gave it */
} Scaled;

typedef struct Pass {
	const int *uses;
	const Depends *depends;
	Scaled *scaled;              /* [from->value.n] */
} Pass;

static const Pass *pass_of(const Clone *c) { return c->pass; }

static int64_t feature_dim(const Op *conv) { return op_attr(conv, "dimension_numbers")->conv->output_feature; }

static Value along_feature(Clone *c, Value vector, Type t, int64_t dim)
{
	return hlo_broadcast_in_dim(c->b, vector, t.rank, t.dim, (Ints){ 1, COPY(c->b->a, int64_t, &dim, 1) });
}

static Value made(Clone *c, const Scaled *s)
{
	const Op *conv = s->conv;
	Loc around = c->b->loc;
	c->b->loc = conv->loc;
	Type t = value_type(c->from, conv->out), kernel = value_type(c->from, conv->in[1]);
	Value w = clone_value(c, conv->in[1]);
	if (s->scale) {
		Value scale = along_feature(c, s->scale, kernel, op_attr(conv, "dimension_numbers")->conv->kernel_output_feature);
		w = hlo_multiply(c->b, w, scale);
	}
	Value in[2] = { clone_value(c, conv->in[0]), w };
	Value y = emit(c->b, OP_convolution, &t, 2, in, conv->attr);
	c->b->loc = s->loc;
	if (s->shift) y = hlo_add(c->b, y, along_feature(c, s->shift, t, feature_dim(conv)));
	c->b->loc = around;
	return y;
}

static Value value(Clone *c, Value v)
{
	const Scaled *s = &pass_of(c)->scaled[v];
	if (!c->now[v] && s->conv) c->now[v] = made(c, s);
	return c->now[v];
}

/* v, of the convolution's shape t, as a vector over its features, when it is one of weights; else 0. */
static Value feature_vector(Clone *c, Value v, Type t, int64_t dim)
{
	Type vector = tensor_type(c->b->a, t.elem, 1, &t.dim[dim]);
	const Op *def = c->from->value.v[v].def;
	if (!def || pass_of(c)->depends[v] == EACH_RUN) return 0;
	if (def->code == OP_constant && def->attr[0].dense->splat) {
		const Dense *d = def->attr[0].dense;
		return hlo_constant(c->b, vector, d->data, dtype_nbytes(t.elem));
	}
	if (def->code != OP_broadcast_in_dim) return 0;
	Type from = value_type(c->from, def->in[0]);
	Ints dims = op_attr(def, "broadcast_dimensions")->ints;
	for (int i = 0; i < from.rank; i++)
		if (from.dim[i] != 1 && dims.v[i] != dim) return 0;
	Value x = clone_value(c, def->in[0]);
	if (type_numel(from) == t.dim[dim]) return hlo_reshape(c->b, x, 1, vector.dim);
	Value one = hlo_reshape(c->b, x, 0, NULL);
	return hlo_broadcast_in_dim(c->b, one, 1, vector.dim, (Ints){ 0 });
}

static Value times(Builder *b, Value x, Value y) { return x && y ? hlo_multiply(b, x, y) : x ? x : y; }
static Value plus(Builder *b, Value x, Value y) { return x && y ? hlo_add(b, x, y) : x ? x : y; }
static Value minus(Builder *b, Value x) { return x ? hlo_negate(b, x) : 0; }

/* What s becomes by `code` with v; the left operand is v where flipped. */
static Scaled applied(Builder *b, OpCode code, Scaled s, Value v, bool flipped)
{
	switch (code) {
	case OP_multiply:
		return (Scaled){ s.conv, times(b, s.scale, v), s.shift ? hlo_multiply(b, s.shift, v) : 0, b->loc };
	case OP_divide: {
		Value one = hlo_splat(b, type_of(b, v), 1);
		Value scale = s.scale ? s.scale : one;
		return (Scaled){ s.conv, hlo_divide(b, scale, v), s.shift ? hlo_divide(b, s.shift, v) : 0, b->loc };
	}
	case OP_add:
		return (Scaled){ s.conv, s.scale, plus(b, s.shift, v), b->loc };
	default:                                             /* subtract */
		if (!flipped) return (Scaled){ s.conv, s.scale, plus(b, s.shift, minus(b, v)), b->loc };
		Value scale = s.scale ? minus(b, s.scale) : hlo_splat(b, type_of(b, v), -1);
		return (Scaled){ s.conv, scale, plus(b, minus(b, s.shift), v), b->loc };
	}
}

static bool on_scaled(Clone *c, const Op *op)
{
	Pass *p = c->pass;
	if (op->code != OP_multiply && op->code != OP_divide && op->code != OP_add && op->code != OP_subtract) return false;
	for (int i = 0; i < 2; i++) {
		const Scaled *s = &p->scaled[op->in[i]];
		if (!s->conv || p->uses[op->in[i]] != 1 || (i && op->code == OP_divide)) continue;
		Type t = value_type(c->from, op->out);
		Value v = feature_vector(c, op->in[1 - i], t, feature_dim(s->conv));
		if (!v) continue;
		p->scaled[op->out] = applied(c->b, op->code, *s, v, i == 1);
		return true;
	}
	return false;
}

/* Narrower floats would round the weights twice. */
static bool is_scalable(const Clone *c, const Op *op)
{
	Type t = value_type(c->from, op->out), w = value_type(c->from, op->in[1]);
	return op->code == OP_convolution && pass_of(c)->depends[op->in[1]] != EACH_RUN && !t.quant && t.elem == w.elem
	    && (t.elem == DTYPE_f32 || t.elem == DTYPE_f64);
}

static bool rewrite(Clone *c, const Op *op)
{
	Pass *p = c->pass;
	if (on_scaled(c, op)) return true;
	if (op->code != OP_convolution || !is_scalable(c, op)) return false;
	p->scaled[op->out] = (Scaled){ .conv = op };
	return true;
}

bool scales_into_weights(const Module *from, const Func *f, const bool *fixed, Module *to)
{
	Arena *a = &to->arena;
	Pass p = { count_uses(from, a), find_dependence(from, f, fixed, a), NEW(a, Scaled, from->value.n + 1) };
	Clone c = { .from = from, .pass = &p };
	if (all_static(from)) c.rewrite = rewrite, c.value = value;
	return clone_function(&c, f, NULL, to);
}
