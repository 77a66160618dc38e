/* Systems whose unknowns and right-hand sides are tensors: matrices once their dims are taken together. */
#include "aten/layers.h"
#include "aten/linalg.h"
#include "aten/rules.h"

static Type square_type(Node *n, Type t, int64_t size)
{
	return tensor_type(n->a, t.elem, 2, (int64_t[]){ size, size });
}

/* aten.linalg_tensorinv(self, ind=2): the first ind dims against the others; the result has these in
 * front */
Value lower_tensorinv(Node *n)
{
	Value x = arg(n, "self");
	Type t = known_type(n->b, x);
	int64_t ind = arg_int(n, "ind", 2);
	if (!t.kind) return 0;
	if (ind < 1 || ind > t.rank)
		return node_fail(n, BAD_INPUT, "ind is %lld of %d dims", (long long)ind, t.rank);
	Ints before = iota_ints(n->a, 0, (int)ind), behind = iota_ints(n->a, (int)ind, t.rank - (int)ind);
	int64_t size = count_over(t, before);
	if (size != count_over(t, behind))
		return node_fail(n, BAD_INPUT, "%s is not square at dim %lld", type_str(n->a, t), (long long)ind);
	x = reshape_to(n->b, x, square_type(n, t, size));
	return in_out_shape(n, matrix_inverse(n, x));
}

/* The dims of the argument "dims" moved behind the others. */
static Value moved_back(Node *n, Value x)
{
	Type t = known_type(n->b, x);
	if (!t.kind || !has_arg(n, "dims")) return x;
	Ints dims = arg_dims(n, "dims", t.rank);
	int64_t *order = NEW(n->a, int64_t, t.rank + 1);
	int k = 0;
	for (int i = 0; i < t.rank; i++) {
		bool moves = false;
		for (int j = 0; j < dims.n; j++) moves |= dims.v[j] == i;
		if (!moves) order[k++] = i;
	}
	for (int j = 0; j < dims.n && k < t.rank; j++) order[k++] = dims.v[j];
	return hlo_transpose(n->b, x, (Ints){ t.rank, order });
}

/* aten.linalg_tensorsolve(self, other, dims=None): X of tensordot(self, X, X.ndim) = other */
Value lower_tensorsolve(Node *n)
{
	Builder *b = n->b;
	Value a = moved_back(n, arg(n, "self"));
	Value y = arg(n, "other");
	Type t = known_type(b, a), u = known_type(b, y);
	if (!t.kind || !u.kind) return 0;
	int64_t size = type_numel(u);
	Type square = square_type(n, t, size);
	if (type_numel(t) != type_numel(square))
		return node_fail(n, BAD_INPUT, "%s against %s is not square", type_str(n->a, t), type_str(n->a, u));
	a = as_matrices(n, reshape_to(b, a, square));
	y = hlo_reshape(b, y, 3, (int64_t[]){ 1, size, 1 });
	return in_out_shape(n, lu_solve(b, lu_factor(b, a, true), y, true, false));
}
