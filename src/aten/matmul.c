/* Products of vectors and matrices.
 *
 * dot_general names the type of its sums. A product that is the result has the operands' type: XLA sums f16 and bf16 in f32
 * and rounds once, as torch does. A product that is scaled or added to something comes in acc_type and is rounded at the end. */
#include "aten/layers.h"
#include "aten/rules.h"

/* -- matmul ---------------------------------------------------------------------------------------------- */

static Value contract(Builder *b, Value x, int dx, Value y, int dy, DType elem)
{
	return hlo_dot_general(b, x, y, (DotDims){ .lhs_contracting = one_dim(b, dx), .rhs_contracting = one_dim(b, dy) }, elem);
}

/* x with its leading dims broadcast to those of t: [*, m, k] -> [t.., m, k] */
static Value with_batch(Builder *b, Value x, Type batch)
{
	Type t = type_of(b, x);
	int rank = batch.rank + 2;
	int64_t *d = NEW(b->a, int64_t, rank);
	for (int i = 0; i < batch.rank; i++) d[i] = batch.dim[i];
	for (int i = 0; i < 2; i++) d[batch.rank + i] = t.dim[t.rank - 2 + i];
	t.rank = rank;
	t.dim = d;
	return broadcast(b, x, t);
}

static Type batch_of(Type t) { return t.rank -= 2, t; }

/* [*, m, k] . [*, k, n] */
static Value batched(Node *n, Value x, Value y, DType elem)
{
	Builder *b = n->b;
	Type batch = broadcast_type(n, batch_of(type_of(b, x)), batch_of(type_of(b, y)));
	x = with_batch(b, x, batch);
	y = with_batch(b, y, batch);
	Ints lead = iota_ints(n->a, 0, batch.rank);
	return hlo_dot_general(b, x, y, (DotDims){ lead, lead, one_dim(b, batch.rank + 1), one_dim(b, batch.rank) }, elem);
}

/* [m, k] . [*, k, n]: dot_general leaves m in front; it belongs before n */
static Value matrix_on_the_left(Builder *b, Value x, Value y, DType elem)
{
	int rank = rank_of(b, y);
	x = contract(b, x, 1, y, rank - 2, elem);                  /* [m, *, n] */
	int64_t *p = NEW(b->a, int64_t, rank);
	for (int i = 0; i < rank; i++) p[i] = i < rank - 2 ? i + 1 : i == rank - 2 ? 0 : i;
	return hlo_transpose(b, x, (Ints){ rank, p });
}

Value matmul(Node *n, Value x, Value y, DType elem)
{
	Builder *b = n->b;
	if (!x || !y) return 0;
	int rx = rank_of(b, x), ry = rank_of(b, y);
	if (!rx || !ry) return node_fail(n, BAD_INPUT, "a 0-d tensor has no matrix product");
	if (ry == 1) return contract(b, x, rx - 1, y, 0, elem);
	if (rx == 1 || ry == 2) return contract(b, x, rx - 1, y, ry - 2, elem);
	return rx == 2 ? matrix_on_the_left(b, x, y, elem) : batched(n, x, y, elem);
}

static Value product_of(Node *n, const char *x_name, const char *y_name, DType elem)
{
	Value x = arg(n, x_name);
	Value y = arg(n, y_name);
	return matmul(n, x, y, elem);
}

/* aten.matmul(self, other) */
Value lower_matmul(Node *n) { return product_of(n, "self", "other", n->out.elem); }
/* aten.mm, bmm(self, mat2, out_dtype?), _int_mm: the result may be wider than the operands */
Value lower_mm(Node *n) { return product_of(n, "self", "mat2", n->out.elem); }
/* aten.mv(self, vec) */
Value lower_mv(Node *n) { return product_of(n, "self", "vec", n->out.elem); }
/* aten.dot(self, tensor) */
Value lower_dot(Node *n) { return product_of(n, "self", "tensor", n->out.elem); }

static Value conjugate(Builder *b, Value x)
{
	if (!x || !is_complex(elem_of(b, x))) return x;
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	im = hlo_negate(b, im);
	return hlo_complex(b, re, im);
}

/* aten.vdot(self, other): conj(self) . other */
Value lower_vdot(Node *n)
{
	Value x = conjugate(n->b, arg(n, "self"));
	Value y = arg(n, "other");
	return matmul(n, x, y, n->out.elem);
}

/* aten.linalg_vecdot(x, y, dim): sum(conj(x) * y) over dim, broadcast */
Value lower_vecdot(Node *n)
{
	Builder *b = n->b;
	Value x = conjugate(b, arg(n, "x"));
	Value y = arg(n, "y");
	if (!x || !y) return 0;
	Type t = broadcast_type(n, type_of(b, x), type_of(b, y));
	DType acc = acc_type(t.elem);
	x = broadcast(b, cast(b, x, acc), t);
	y = broadcast(b, cast(b, y, acc), t);
	x = hlo_multiply(b, x, y);
	x = sum_over(b, x, one_dim(b, arg_dim(n, "dim", -1, t.rank)));
	return cast(b, x, n->out.elem);
}

/* aten.inner(self, other): the last dims contracted; a 0-d operand is a factor */
Value lower_inner(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value y = arg(n, "other");
	if (!x || !y) return 0;
	int rx = rank_of(b, x), ry = rank_of(b, y);
	if (rx && ry) return contract(b, x, rx - 1, y, ry - 1, n->out.elem);
	x = broadcast(b, x, n->out);
	y = broadcast(b, y, n->out);
	return hlo_multiply(b, x, y);
}

/* x[i] * y[j] in elem */
static Value outer_product(Builder *b, Value x, Value y, Type t)
{
	x = along(b, cast(b, x, t.elem), 0, t);
	y = along(b, cast(b, y, t.elem), 1, t);
	return hlo_multiply(b, x, y);
}

/* aten.outer, ger(self[n], vec2[m]) -> [n, m] */
Value lower_outer(Node *n)
{
	Value x = arg(n, "self");
	Value y = arg(n, "vec2");
	return outer_product(n->b, x, y, n->out);
}

/* -- linear ---------------------------------------------------------------------------------------------- */

Value linear(Builder *b, Value x, Value w, Value bias)
{
	if (!x || !w) return 0;
	if (!rank_of(b, x) || !rank_of(b, w)) return build_fail(b, BAD_INPUT, "a 0-d tensor has no matrix product");
	DType elem = elem_of(b, x), acc = bias ? acc_type(elem) : elem;
	Value y = contract(b, x, rank_of(b, x) - 1, w, rank_of(b, w) - 1, acc);
	if (!bias || !y) return y;
	bias = cast(b, bias, acc);
	bias = broadcast(b, bias, type_of(b, y));
	y = hlo_add(b, y, bias);
	return cast(b, y, elem);
}

/* aten.linear(input[*, I], weight[O, I] or [I], bias[O]?): input . weight^T + bias */
Value lower_linear(Node *n)
{
	Value x = arg(n, "input");
	Value w = arg(n, "weight");
	Value bias = arg_opt(n, "bias");
	return linear(n->b, x, w, bias);
}

/* aten.bilinear(input1[*, I], input2[*, J], weight[O, I, J], bias[O]?): sum_ij input1_i weight_oij input2_j + bias */
Value lower_bilinear(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "input1");
	Value y = arg(n, "input2");
	Value w = arg(n, "weight");
	if (!x || !y || !w) return 0;
	DType acc = acc_type(n->out.elem);
	int last = n->out.rank - 1;
	if (last < 0 || rank_of(b, w) != 3)
		return node_fail(n, BAD_INPUT, "weight %s, wanted 3 dims", type_str(n->a, type_of(b, w)));
	Ints lead = iota_ints(n->a, 0, last);
	x = contract(b, x, last, w, 1, acc);                       /* [*, O, J] */
	y = cast(b, y, acc);
	x = hlo_dot_general(b, x, y, (DotDims){ lead, lead, one_dim(b, last + 1), one_dim(b, last) }, acc);
	if (has_arg(n, "bias")) {
		Value bias = arg_as(n, "bias", acc);
		bias = broadcast(b, bias, with_elem(n->out, acc));
		x = hlo_add(b, x, bias);
	}
	return cast(b, x, n->out.elem);
}

/* -- beta * self + alpha * product ----------------------------------------------------------------------- */

static bool number_is(Node *n, const char *name, int64_t v)
{
	const Arg *x = arg_raw(n, name);
	return x && ((x->kind == ARG_INT && x->i == v) || (x->kind == ARG_FLOAT && x->f == (double)v));
}

static Value scaled_by_arg(Node *n, Value x, const char *name)
{
	if (!x || !has_arg(n, name) || number_is(n, name, 1)) return x;
	Value k = arg_as(n, name, elem_of(n->b, x));
	k = broadcast(n->b, k, type_of(n->b, x));
	return hlo_multiply(n->b, x, k);
}

/* With beta 0 self is not read: its NaN and inf do not count. */
static Value added_to_self(Node *n, Value product)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	product = scaled_by_arg(n, product, "alpha");
	if (!number_is(n, "beta", 0)) {
		Value self = arg_as(n, "self", acc);
		self = scaled_by_arg(n, self, "beta");
		self = broadcast(b, self, with_elem(n->out, acc));
		product = hlo_add(b, self, product);
	}
	return cast(b, product, n->out.elem);
}

/* aten.addmm(self, mat1, mat2, beta=1, alpha=1): beta * self + alpha * mat1 . mat2 */
Value lower_addmm(Node *n) { return added_to_self(n, product_of(n, "mat1", "mat2", acc_type(n->out.elem))); }
/* aten.baddbmm(self, batch1, batch2, beta, alpha) */
Value lower_baddbmm(Node *n) { return added_to_self(n, product_of(n, "batch1", "batch2", acc_type(n->out.elem))); }
/* aten.addmv(self, mat, vec, beta, alpha) */
Value lower_addmv(Node *n) { return added_to_self(n, product_of(n, "mat", "vec", acc_type(n->out.elem))); }

/* aten.addbmm(self, batch1[B,m,k], batch2[B,k,n], beta, alpha): the products summed over B */
Value lower_addbmm(Node *n)
{
	Value x = arg(n, "batch1");
	Value y = arg(n, "batch2");
	int64_t of_x[2] = { 0, 2 }, of_y[2] = { 0, 1 };
	Value sum = hlo_dot_general(n->b, x, y, (DotDims){ .lhs_contracting = { 2, of_x }, .rhs_contracting = { 2, of_y } },
		acc_type(n->out.elem));
	return added_to_self(n, sum);
}

/* A tensor times a number, both and the product as the result's type holds them. */
static Value scaled_in_type(Node *n, const char *name, const char *factor)
{
	Builder *b = n->b;
	Value x = arg_as(n, name, acc_type(n->out.elem));
	if (!x || !has_arg(n, factor)) return x;
	Value k = rounded_to(b, arg_as(n, factor, elem_of(b, x)), n->out.elem);
	x = hlo_multiply(b, x, broadcast(b, k, type_of(b, x)));
	return rounded_to(b, x, n->out.elem);
}

/* aten.addr(self, vec1, vec2, beta, alpha): beta * self + alpha * vec1 vec2^T; torch's kernel stores each step in
 * the result's type */
Value lower_addr(Node *n)
{
	Builder *b = n->b;
	DType elem = n->out.elem;
	Type t = with_elem(n->out, acc_type(elem));
	Value x = scaled_in_type(n, "vec1", "alpha");
	Value y = arg(n, "vec2");
	Value product = rounded_to(b, outer_product(b, x, y, t), elem);
	if (number_is(n, "beta", 0)) return cast(b, product, elem);
	Value self = broadcast(b, scaled_in_type(n, "self", "beta"), t);
	return cast(b, hlo_add(b, self, product), elem);
}

/* -- chains and powers ----------------------------------------------------------------------------------- */

static Value product_of_all(Node *n, Values x)
{
	Value y = x.n ? x.v[0] : 0;
	for (int i = 1; i < x.n; i++) y = matmul(n, y, x.v[i], n->out.elem);
	return y;
}

/* aten.chain_matmul(matrices), linalg_multi_dot(tensors) */
Value lower_chain_matmul(Node *n) { return product_of_all(n, arg_list(n, "matrices")); }
Value lower_multi_dot(Node *n) { return product_of_all(n, arg_list(n, "tensors")); }

/* ones on the diagonal of the last two dims */
static Value identity(Builder *b, Type t)
{
	Value i = positions(b, t, t.rank - 2, DTYPE_i32);
	Value j = positions(b, t, t.rank - 1, DTYPE_i32);
	i = hlo_compare(b, DIRECTION_EQ, i, j);
	return hlo_convert(b, i, t.elem);
}

/* aten.matrix_power, linalg_matrix_power(self, n): by squaring, below 0 of the inverse */
Value lower_matrix_power(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	int64_t power = arg_int(n, "n", 1);
	if (!x) return 0;
	if (rank_of(b, x) < 2) return node_fail(n, BAD_INPUT, "self is %s, wanted a matrix", type_str(n->a, type_of(b, x)));
	if (power == 0) return identity(b, n->out);
	if (power < 0 && !(x = matrix_inverse(n, x))) return 0;
	uint64_t left = power < 0 ? 0 - (uint64_t)power : (uint64_t)power;
	Value y = 0;
	for (; left; left >>= 1) {
		if (left & 1) y = y ? matmul(n, y, x, n->out.elem) : x;
		if (left > 1) x = matmul(n, x, x, n->out.elem);
	}
	return y;
}

/* -- tensordot, kron, cross ------------------------------------------------------------------------------ */

/* Of a contracted pair of dims one may have size 1: the other is then summed first. */
static Value sum_where_other_is_one(Builder *b, Value x, Ints dims, Type other, Ints other_dims)
{
	Type t = type_of(b, x);
	for (int i = 0; i < dims.n && i < other_dims.n; i++) {
		if (t.dim[dims.v[i]] == 1 || other.dim[other_dims.v[i]] != 1) continue;
		Ints dim = one_dim(b, (int)dims.v[i]);
		x = sum_over(b, x, dim);
		x = keep_dims(b, x, dim, t, true);
		t = type_of(b, x);
	}
	return x;
}

static Ints dims_or_none(Node *n, const char *name, int rank)
{
	return arg_ints(n, name).n ? arg_dims(n, name, rank) : (Ints){ 0 };
}

/* aten.tensordot(self, other, dims_self, dims_other) */
Value lower_tensordot(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value y = arg(n, "other");
	if (!x || !y) return 0;
	Type tx = type_of(b, x), ty = type_of(b, y);
	Ints dx = dims_or_none(n, "dims_self", tx.rank), dy = dims_or_none(n, "dims_other", ty.rank);
	if (n->b->m->err->code) return 0;
	x = sum_where_other_is_one(b, x, dx, ty, dy);
	y = sum_where_other_is_one(b, y, dy, tx, dx);
	return hlo_dot_general(b, x, y, (DotDims){ .lhs_contracting = dx, .rhs_contracting = dy }, n->out.elem);
}

/* The dims of x at the even (at 0) or odd (at 1) places of a shape twice as long, 1 elsewhere; x is aligned right. */
static Value interleaved(Builder *b, Value x, int rank, int at)
{
	Type t = type_of(b, x);
	int64_t *d = NEW(b->a, int64_t, 2 * rank + 1);
	for (int i = 0; i < 2 * rank; i++) {
		int k = i / 2 - (rank - t.rank);
		d[i] = i % 2 == at && k >= 0 ? t.dim[k] : 1;
	}
	return hlo_reshape(b, x, 2 * rank, d);
}

/* aten.kron(self, other): out[i * m + k] = self[i] * other[k], in every dim */
Value lower_kron(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", n->out.elem);
	Value y = arg_as(n, "other", n->out.elem);
	if (!x || !y) return 0;
	x = interleaved(b, x, n->out.rank, 0);
	y = interleaved(b, y, n->out.rank, 1);
	if (!x || !y) return 0;
	Type t = broadcast_type(n, type_of(b, x), type_of(b, y));
	x = broadcast(b, x, t);
	y = broadcast(b, y, t);
	x = hlo_multiply(b, x, y);
	return reshape_to(b, x, n->out);
}

/* x[.., (i + by) mod 3, ..] along dim */
static Value turned(Builder *b, Value x, int dim, int by)
{
	Value part[2] = { slice_dim(b, x, dim, by, 3, 1), 0 };
	part[1] = slice_dim(b, x, dim, 0, by, 1);
	return hlo_concatenate(b, 2, part, dim);
}

/* Without "dim" aten.cross takes the first dim of size 3. */
static int cross_dim(Node *n)
{
	if (has_arg(n, "dim")) return arg_dim(n, "dim", -1, n->out.rank);
	for (int i = 0; i < n->out.rank; i++)
		if (n->out.dim[i] == 3) return i;
	node_fail(n, BAD_INPUT, "no dim of size 3");
	return 0;
}

static Value cross(Node *n, int dim)
{
	Builder *b = n->b;
	Value x = broadcast(b, arg_as(n, "self", n->out.elem), n->out);
	Value y = broadcast(b, arg_as(n, "other", n->out.elem), n->out);
	Value x1 = turned(b, x, dim, 1);
	Value y2 = turned(b, y, dim, 2);
	Value x2 = turned(b, x, dim, 2);
	Value y1 = turned(b, y, dim, 1);
	x = hlo_multiply(b, x1, y2);
	y = hlo_multiply(b, x2, y1);
	return hlo_subtract(b, x, y);
}

/* aten.cross(self, other, dim?): x[i+1] y[i+2] - x[i+2] y[i+1] */
Value lower_cross(Node *n) { return cross(n, cross_dim(n)); }
/* aten.linalg_cross(self, other, dim=-1) */
Value lower_linalg_cross(Node *n) { return cross(n, arg_dim(n, "dim", -1, n->out.rank)); }

/* The named operand with dims of size 1 put in where the named list says. */
static Value expanded(Node *n, const char *name, const char *dims, DType elem)
{
	Value x = arg_as(n, name, elem);
	Ints put = arg_ints(n, dims);
	int rank = known_type(n->b, x).rank + put.n;
	for (int i = 0; i < rank && x; i++) {
		bool here = false;
		for (int k = 0; k < put.n; k++) here |= put.v[k] == i;
		if (here) x = unsqueeze_dim(n->b, x, i);
	}
	return x;
}

/* aten._trilinear(i1, i2, i3, expand1, expand2, expand3, sumdim, unroll_dim): i1 i2 i3, each with new dims of size 1 at its expand
 * dims, summed over sumdim; what bilinear and its gradients are made of */
Value lower_trilinear(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value x = expanded(n, "i1", "expand1", acc);
	Value y = expanded(n, "i2", "expand2", acc);
	Value z = expanded(n, "i3", "expand3", acc);
	Type t = broadcast_type(n, known_type(b, x), known_type(b, y));
	t = broadcast_type(n, t, known_type(b, z));
	x = broadcast(b, x, t);
	x = hlo_multiply(b, x, broadcast(b, y, t));
	x = hlo_multiply(b, x, broadcast(b, z, t));
	if (arg_ints(n, "sumdim").n) x = sum_over(b, x, arg_dims(n, "sumdim", t.rank));
	return cast(b, x, n->out.elem);
}
