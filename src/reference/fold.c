/* Ops with a computation for elements: reduce and map, and what the others need for it. */
#include "reference/internal.h"

/* -- two into one ---------------------------------------------------------------------------------------- */

/* One binary op on both arguments, of one type. */
static bool is_simple(Fold *f, Tensor *const *acc, Tensor *const *x)
{
	const Region *r = f->body;
	const Op *op = r->op.n == 2 ? r->op.v[0] : NULL;
	if (f->n != 1 || !op || !op_table[op->code].binary || op->nin != 2) return false;
	if (r->op.v[1]->nin != 1 || r->op.v[1]->in[0] != op->out) return false;
	Type a = value_type(f->v->m, r->arg), b = value_type(f->v->m, op->out);
	if (a.quant || b.quant || acc[0]->type.elem != a.elem || x[0]->type.elem != a.elem || b.elem != a.elem) return false;
	f->swapped = op->in[0] == r->arg + 1;
	if (op->in[f->swapped] != r->arg || op->in[!f->swapped] != r->arg + 1) return false;
	return kernel_for(op->code, a.elem, &f->kernel);
}

bool fold_begin(Fold *f, Eval *v, const Op *op, const Region *body, int n, Tensor *const *like_acc, Tensor *const *like_x)
{
	*f = (Fold){ .v = v, .op = op, .body = body, .n = n };
	if (body->narg != 2 * n) return eval_fail(v, op, BAD_INPUT, "its computation takes %d values, wanted %d", body->narg, 2 * n);
	f->simple = is_simple(f, like_acc, like_x);
	f->arg = calloc(2 * (size_t)n + 1, sizeof *f->arg);
	if (!f->arg) return eval_fail(v, op, NO_MEMORY, "no memory");
	for (int i = 0; i < 2 * n; i++) {
		Type t = value_type(v->m, body->arg + (Value)i), like = i < n ? like_acc[i]->type : like_x[i - n]->type;
		if (t.kind != TYPE_TENSOR || t.rank) return eval_fail(v, op, BAD_INPUT, "argument %d of its computation is no scalar", i);
		if (!!t.quant != !!like.quant) return eval_fail(v, op, UNSUPPORTED, "only one of value and computation is quantized");
		if (!(f->arg[i] = tensor_new(v, op, t, 0, NULL))) return false;
	}
	return true;
}

static DType elem_of_tensor(const Tensor *t) { return t->type.quant ? t->type.quant->storage : t->type.elem; }

/* acc and x are of the types of the op's results and operands. */
static void give(Tensor *arg, DType from, const uint8_t *x) { convert_elements(from, x, elem_of_tensor(arg), arg->data, 1); }

static DType operand_elem(const Fold *f, int i)
{
	int k = f->op->code == OP_scatter ? i + 1 : f->op->code == OP_select_and_scatter ? 1 : i - f->n;
	Type t = value_type(f->v->m, i < f->n ? f->op->out + (Value)i : f->op->in[k]);
	return t.quant ? t.quant->storage : t.elem;
}

bool fold_step(Fold *f, uint8_t *const *acc, const uint8_t *const *x)
{
	if (f->simple) {
		if (f->swapped) kernel_binary(&f->kernel, x[0], acc[0], acc[0], 1);
		else kernel_binary(&f->kernel, acc[0], x[0], acc[0], 1);
		return true;
	}
	Tensor *few[16], **out = f->n > 16 ? calloc((size_t)f->n, sizeof *out) : few;
	if (!out) return eval_fail(f->v, f->op, NO_MEMORY, "no memory");
	for (int i = 0; i < f->n; i++) {
		give(f->arg[i], operand_elem(f, i), acc[i]);
		give(f->arg[f->n + i], operand_elem(f, f->n + i), x[i]);
	}
	bool ok = run_region(f->v, f->body, f->arg, out, f->n);
	for (int i = 0; ok && i < f->n; i++) {
		convert_elements(elem_of_tensor(out[i]), out[i]->data, operand_elem(f, i), acc[i], 1);
		drop(out[i]);
	}
	if (out != few) free(out);
	return ok;
}

void fold_end(Fold *f)
{
	for (int i = 0; f->arg && i < 2 * f->n; i++) drop(f->arg[i]);
	free(f->arg);
}

bool ask_region(Eval *v, const Op *op, const Region *r, Tensor *const *arg, bool *yes)
{
	Tensor *out;
	if (!run_region(v, r, arg, &out, 1)) return false;
	bool is_bool = out->type.elem == DTYPE_bool && out->n == 1;
	*yes = is_bool && out->data[0];
	drop(out);
	return is_bool || eval_fail(v, op, BAD_INPUT, "its computation gives no truth value");
}

/* -- reduce ---------------------------------------------------------------------------------------------- */

/* The places of the result that a row of the operand goes to, the last dimension at once where that is one op on many. */
static bool reduce_rows(Fold *f, Tensor *const *in, Tensor **out, const int64_t *to)
{
	const Tensor *x = in[0];
	int rank = x->type.rank, outer = rank ? rank - 1 : 0;
	int64_t row = rank ? x->dim[outer] : 1, step = rank ? to[outer] : 0, index[MAX_DIMS] = { 0 }, from = 0;
	uint8_t *acc[MAX_DIMS];
	const uint8_t *at[MAX_DIMS];
	do {
		int64_t base = 0;
		for (int i = 0; i < outer; i++) base += index[i] * to[i];
		bool at_once = f->simple && step == 1;
		for (int64_t k = 0; k < row; k += at_once ? row : 1) {
			for (int i = 0; i < f->n; i++) {
				acc[i] = out[i]->data + (size_t)(base + k * step) * out[i]->each;
				at[i] = in[i]->data + (size_t)(from + k) * in[i]->each;
			}
			const uint8_t *p = f->swapped ? at[0] : acc[0], *q = f->swapped ? acc[0] : at[0];
			if (at_once) kernel_binary(&f->kernel, p, q, acc[0], (size_t)row);
			else if (!fold_step(f, acc, at)) return false;
		}
		from += row;
	} while (next_index(outer, x->dim, index));
	return true;
}

/* Every result begins as its initial value. */
static bool start_results(Eval *v, const Op *op, Tensor *const *init, int rank, const int64_t *dim, Tensor **out)
{
	for (int i = 0; i < op->nout; i++) {
		if (!(out[i] = result(v, op, i, rank, dim))) return false;
		Type to = out[i]->type, from = init[i]->type;
		uint8_t element[16];
		convert_elements(from.quant ? from.quant->storage : from.elem, init[i]->data, to.quant ? to.quant->storage : to.elem, element, 1);
		fill(out[i]->data, element, out[i]->each, out[i]->n);
	}
	return true;
}

bool eval_reduce(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0];
	Ints d = attr(op, "dimensions")->ints;
	int n = op->nout, rank = 0;
	int64_t dim[MAX_DIMS], to[MAX_DIMS], stride = 1;
	bool gone[MAX_DIMS] = { 0 };
	if (n > MAX_DIMS) return eval_fail(v, op, UNSUPPORTED, "%d operands", n);
	for (int i = 0; i < d.n; i++) gone[d.v[i]] = true;
	for (int i = 0; i < x->type.rank; i++)
		if (!gone[i]) dim[rank++] = x->dim[i];
	for (int i = 1; i < n; i++)
		if (!same_sizes(v, op, x, in[i])) return false;
	if (!start_results(v, op, in + n, rank, dim, out)) return false;
	for (int i = x->type.rank; i-- > 0;) {
		to[i] = gone[i] ? 0 : stride;
		if (!gone[i]) stride *= x->dim[i];
	}
	if (!x->n) return true;
	Fold f;
	bool ok = fold_begin(&f, v, op, op->region[0], n, out, in) && reduce_rows(&f, in, out, to);
	fold_end(&f);
	return ok;
}

/* -- map ------------------------------------------------------------------------------------------------- */

static bool map_all(Eval *v, const Op *op, Tensor *const *in, Tensor **arg, Tensor *out)
{
	for (int64_t i = 0; i < out->n; i++) {
		Tensor *y;
		for (int k = 0; k < op->nin; k++) memcpy(arg[k]->data, in[k]->data + (size_t)i * in[k]->each, in[k]->each);
		if (!run_region(v, op->region[0], arg, &y, 1)) return false;
		memcpy(out->data + (size_t)i * out->each, y->data, out->each);
		drop(y);
	}
	return true;
}

bool eval_map(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Tensor **arg = calloc((size_t)op->nin + 1, sizeof *arg);
	bool ok = arg || eval_fail(v, op, NO_MEMORY, "no memory");
	for (int i = 0; ok && i < op->nin; i++)
		ok = same_sizes(v, op, in[0], in[i]) && (arg[i] = tensor_new(v, op, in[i]->type, 0, NULL));
	ok = ok && (out[0] = result_like(v, op, 0, in[0])) && map_all(v, op, in, arg, out[0]);
	for (int i = 0; arg && i < op->nin; i++) drop(arg[i]);
	free(arg);
	return ok;
}
