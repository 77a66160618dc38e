/* Values of quantized types. */
#include "aten/quant_type.h"

#include "aten/ctx.h"
#include "aten/quant.h"

#include <math.h>
#include <string.h>

/* -- numbers that are known ------------------------------------------------------------------------------ */

/* No more than `most`. */
static Nums numbers_of(Node *n, const Dense *c, int most)
{
	int64_t count = c->splat ? 1 : type_numel(c->type);
	if (count < 0 || count > most) return (Nums){ 0 };
	double *v = NEW(n->a, double, count + 1);
	const uint8_t *at = c->data;
	for (int64_t i = 0; i < count; i++, at += dtype_nbytes(c->type.elem)) v[i] = dtype_load(c->type.elem, at, 0);
	return (Nums){ (int)count, v };
}

static bool is_written(const Program *p, const char *target)
{
	for (int i = 0; i < p->noutput; i++)
		if (p->output[i].target && !strcmp(p->output[i].target, target)) return true;
	return false;
}

/* The weight that a value of the program is, when it has data, no more than `most` elements, and is never written; or NULL. */
static const Tensor *weight_of(Node *n, VId v, int most)
{
	const Program *p = n->l->program;
	if (n->l->graph != p->graph) return NULL;         /* a branch numbers its values anew */
	for (int i = 0; i < p->ninput; i++) {
		const Input *in = &p->input[i];
		if (in->kind == INPUT_USER || in->arg.kind != ARG_VALUE || in->arg.value != v) continue;
		const Tensor *t = in->target && !is_written(p, in->target) ? program_tensor(p, in->target) : NULL;
		return t && t->storage && tensor_numel(t) <= most ? t : NULL;
	}
	return NULL;
}

/* What an argument's elements are, up to `most`; n = 0: that depends on the run, or there are more. */
static Nums known_numbers(Node *n, const char *name, int most)
{
	const Arg *x = arg_raw(n, name);
	Value v = has_arg(n, name) ? arg(n, name) : 0;
	if (!v) return (Nums){ 0 };
	const Op *op = n->b->m->value.v[v].def;
	if (op && op->code == OP_constant) return numbers_of(n, op->attr[0].dense, most);
	const Tensor *w = x->kind == ARG_VALUE ? weight_of(n, x->value, most) : NULL;
	if (!w) return (Nums){ 0 };
	uint8_t *packed = NEW(n->a, uint8_t, (size_t)tensor_numel(w) * dtype_nbytes(w->dtype) + 1);
	tensor_pack(w, packed);
	return numbers_of(n, &(Dense){ tensor_type(n->a, w->dtype, w->rank, w->dim), false, packed, 0 }, most);
}

/* -- types ----------------------------------------------------------------------------------------------- */

/* "quant_min" or "quant_max" as given, else as the storage type has it; beyond that, or unknown: false. */
static bool read_end(Node *n, const char *name, DType storage, bool top, int64_t *out)
{
	Nums x = known_numbers(n, name, 1);
	*out = (int64_t)(top ? most_of(storage) : least_of(storage));
	if (!has_arg(n, name)) return true;
	if (x.n != 1 || !(x.v[0] >= least_of(storage) && x.v[0] <= most_of(storage))) return false;
	*out = (int64_t)x.v[0];
	return true;
}

/* Scales are positive floats of f32, zero points lie in the range (spec.md, "Quantized types"). */
static bool is_sound(const Quant *q)
{
	for (int i = 0; i < q->n; i++) {
		float s = (float)q->scale[i];
		if (!(s >= 0x1p-126f) || !isfinite(s)) return false;
		if (q->zero_point[i] < q->storage_min || q->zero_point[i] > q->storage_max) return false;
	}
	return true;
}

/* One number for all, or one each. */
static double nth(Nums x, int i) { return x.n == 1 ? x.v[0] : x.v[i]; }

/* Scales of that many elements; zero points as many, or none when the argument is absent. */
static bool read_scales(Node *n, const char *scale, const char *zero, Quant *q)
{
	Nums s = known_numbers(n, scale, q->n), z = known_numbers(n, zero, q->n);
	double *scales = NEW(n->a, double, q->n + 1);
	int64_t *zeros = NEW(n->a, int64_t, q->n + 1);
	bool none = !has_arg(n, zero);
	if ((s.n != 1 && s.n != q->n) || (!none && z.n != 1 && z.n != q->n)) return false;
	for (int i = 0; i < q->n; i++) {
		double at = none ? 0 : nth(z, i);
		if (!(at >= INT32_MIN && at <= INT32_MAX) || at != floor(at)) return false;
		scales[i] = nth(s, i);
		zeros[i] = (int64_t)at;
	}
	q->scale = scales;
	q->zero_point = zeros;
	return is_sound(q);
}

/* t, stored as an integer type, by those arguments. Kind 0: no quantized type says it. */
static Type quantized_type(Node *n, Type t, DType storage, const char *scale, const char *zero, int axis)
{
	bool small = is_int(storage) && dtype_info(storage)->nbits <= 32;
	int64_t count = axis < 0 ? 1 : axis < t.rank ? t.dim[axis] : -1;
	if (!n->l->opt->quantized_types || !small || count < 1 || count > INT32_MAX) return (Type){ 0 };
	Quant *q = NEW(n->a, Quant, 1);
	*q = (Quant){ .storage = storage, .expressed = DTYPE_f32, .axis = axis, .n = (int)count };
	if (!read_end(n, "quant_min", storage, false, &q->storage_min) || !read_end(n, "quant_max", storage, true, &q->storage_max))
		return (Type){ 0 };
	if (!read_scales(n, scale, zero, q)) return (Type){ 0 };
	t = tensor_type(n->a, storage, t.rank, t.dim);
	t.quant = q;
	return t;
}

/* -- values ---------------------------------------------------------------------------------------------- */

Value to_quantized(Node *n, const char *input, const char *scale, const char *zero, int axis)
{
	Builder *b = n->b;
	Type t = quantized_type(n, n->out, n->out.elem, scale, zero, axis);
	if (!t.kind) return 0;
	Value x = arg_as(n, input, DTYPE_f32);
	x = emit(b, OP_uniform_quantize, &t, 1, &x, NULL);
	return hlo_bitcast_convert(b, x, with_elem(t, t.elem));
}

/* The value of type t that has the bits of x: the one that x was made of, if it was. */
static Value bits_as(Builder *b, Value x, Type t)
{
	const Op *op = x ? b->m->value.v[x].def : NULL;
	bool back = op && op->code == OP_bitcast_convert && type_eq(type_of(b, op->in[0]), t);
	return back ? op->in[0] : hlo_bitcast_convert(b, x, t);
}

Value from_quantized(Node *n, const char *input, const char *scale, const char *zero, int axis)
{
	Builder *b = n->b;
	Value x = n->l->opt->quantized_types ? arg(n, input) : 0;
	Type t = x ? quantized_type(n, n->out, type_of(b, x).elem, scale, zero, axis) : (Type){ 0 };
	if (!t.kind) return 0;
	x = hlo_uniform_dequantize(b, bits_as(b, x, t));
	return cast(b, x, n->out.elem);
}

/* -1: one block; the dim that has a block for each index while all others are whole; -2: neither */
static int axis_of_blocks(Node *n, Type t)
{
	Ints block = arg_sizes(n, "block_size");
	int axis = -1;
	for (int i = 0; i < t.rank && block.n == t.rank; i++) {
		if (block.v[i] == t.dim[i]) continue;
		if (block.v[i] != 1 || axis >= 0) return -2;
		axis = i;
	}
	return block.n == t.rank ? axis : -2;
}

Value blocks_to_quantized(Node *n, Type t)
{
	int axis = axis_of_blocks(n, t);
	return axis < -1 ? 0 : to_quantized(n, "input", "scale", "zero_point", axis);
}

Value blocks_from_quantized(Node *n, Type t)
{
	int axis = axis_of_blocks(n, t);
	return axis < -1 ? 0 : from_quantized(n, "input", "scale", "zero_point", axis);
}
