/* Steps of quantized arithmetic: numbers as torch holds them, and which scale goes with which elements. */
#include "aten/quant.h"

#include "aten/formulas.h"

/* -- numbers --------------------------------------------------------------------------------------------- */

Num num_of(Builder *b, Value x)
{
	DType as = known_type(b, x).elem;
	return (Num){ cast(b, x, acc_type(as)), as };
}

static Num held(Builder *b, Value v, DType as) { return (Num){ v ? rounded_to(b, v, as) : 0, as }; }

Num num_as(Builder *b, Value x, DType as)
{
	bool exact = known_type(b, x).elem == as;
	x = cast(b, x, acc_type(as));
	return exact ? (Num){ x, as } : held(b, x, as);
}

Num num_op(Builder *b, OpCode op, Num x, Num y)
{
	if (!x.v || !y.v) return (Num){ 0 };
	DType as = promote(x.as, y.as), t = acc_type(as);
	Value v = cast(b, x.v, t);
	Value w = cast(b, y.v, t);
	v = emit(b, op, NULL, 2, (Value[]){ v, w }, NULL);
	return op == OP_maximum || op == OP_minimum ? (Num){ v, as } : held(b, v, as);
}

Num num_with(Builder *b, OpCode op, Num x, double c)
{
	Type t = known_type(b, x.v);
	Value y = t.kind ? scalar(b, c, t.elem) : 0;
	if (op == OP_divide) y = unknown_to_xla(b, y);
	y = y ? broadcast(b, y, t) : 0;
	return num_op(b, op, x, (Num){ y, x.as });
}

Num num_round(Builder *b, Num x) { return (Num){ x.v ? hlo_round_nearest_even(b, x.v) : 0, x.as }; }

Num num_clamp(Builder *b, Num x, Num low, Num high)
{
	x = num_op(b, OP_maximum, x, low);
	return num_op(b, OP_minimum, x, high);
}

Num num_at_least(Builder *b, Num x, double c)
{
	Value v = at_least(b, x.v, c);
	return held(b, v, x.as);
}

Num num_negated(Builder *b, Num x) { return (Num){ x.v ? hlo_negate(b, x.v) : 0, x.as }; }

double most_of(DType t)
{
	switch (t) {
	case DTYPE_f8e4m3fn:   return 448;
	case DTYPE_f8e4m3fnuz: return 240;
	case DTYPE_f8e5m2: case DTYPE_f8e5m2fnuz: return 57344;
	default: break;
	}
	int bits = dtype_info(t)->nbits - (dtype_info(t)->kind == DKIND_INT);
	return bits >= 0 && bits <= 32 ? (double)(((int64_t)1 << bits) - 1) : 0;
}

double least_of(DType t)
{
	return is_float(t) ? -most_of(t) : dtype_info(t)->kind == DKIND_INT ? -most_of(t) - 1 : 0;
}

/* -- blocks ---------------------------------------------------------------------------------------------- */

Blocks one_block(Type t) { return (Blocks){ t, scalar_type(t.elem) }; }

Blocks block_per_row(Builder *b, Type t)
{
	return (Blocks){ t, t.rank ? shape_with(b, t, t.rank - 1, 1) : t };
}

/* Sizes are pushed as two where a block is a part of a dim: how many blocks, and the size of one. */
Blocks blocks_of(Node *n, Type t, Ints block)
{
	Blocks none = { 0 };
	int64_t *view = NEW(n->a, int64_t, 2 * t.rank + 1), *each = NEW(n->a, int64_t, 2 * t.rank + 1);
	int rank = 0;
	if (block.n != t.rank)
		return node_fail(n, BAD_INPUT, "blocks of %d dims in %s", block.n, type_str(n->a, t)), none;
	for (int i = 0; i < t.rank; i++) {
		int64_t size = t.dim[i], part = block.v[i];
		bool whole = part == size;
		if (whole || part == 1) {
			view[rank] = size;
			each[rank++] = whole ? 1 : size;
			continue;
		}
		if (size < 0 || part <= 0 || size % part)
			return node_fail(n, part < 0 || size < 0 ? UNSUPPORTED : BAD_INPUT,
				"blocks of %lld in dim %d of %s", (long long)part, i, type_str(n->a, t)), none;
		each[rank] = view[rank] = size / part;
		each[rank + 1] = 1;
		view[rank + 1] = part;
		rank += 2;
	}
	return (Blocks){ tensor_type(n->a, t.elem, rank, view), tensor_type(n->a, t.elem, rank, each) };
}

Ints dims_of_blocks(Builder *b, Blocks g)
{
	int64_t *dim = NEW(b->a, int64_t, g.view.rank + 1);
	int n = 0;
	if (!g.each.rank) return all_dims(b, g.view.rank);
	for (int i = 0; i < g.view.rank; i++)
		if (g.each.dim[i] != g.view.dim[i]) dim[n++] = i;
	return (Ints){ n, dim };
}

Num spread_block(Builder *b, Num x, Blocks g)
{
	if (!x.v || !g.view.kind) return (Num){ 0 };
	x.v = reshape_to(b, x.v, g.each);
	x.v = broadcast(b, x.v, g.view);
	return x;
}
