/* Systems whose unknowns and right-hand sides are tensors: matrices once their dims are taken together. */
#include "aten/layers.h"
#include "aten/linalg.h"
#include "aten/rules.h"

static int64_t count_from(Type t, int from, int to)
{
	int64_t count = 1;
	for (int i = from; i < to && i < t.rank; i++) count *= t.dim[i];
	return count;
}

/* aten.linalg_tensorinv(self, ind=2): the first ind dims against the others; the result has these in front */
Value lower_tensorinv(Node *n)
{
	Value x = arg(n, "self");
	Type t = known_type(n->b, x);
	int64_t ind = arg_int(n, "ind", 2);
	if (!t.kind) return 0;
	if (ind < 1 || ind > t.rank || count_from(t, 0, (int)ind) != count_from(t, (int)ind, t.rank))
		return node_fail(n, BAD_INPUT, "%s is not square at dim %lld", type_str(n->a, t), (long long)ind);
	int64_t size = count_from(t, 0, (int)ind);
	x = as_matrices(n, hlo_reshape(n->b, x, 2, (int64_t[]){ size, size }));
	return in_out_shape(n, matrix_inverse(n->b, x));
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
	int64_t size = count_from(u, 0, u.rank);
	if (count_from(t, 0, t.rank) != size * size)
		return node_fail(n, BAD_INPUT, "%s against %s is not square", type_str(n->a, t), type_str(n->a, u));
	a = as_matrices(n, hlo_reshape(b, a, 2, (int64_t[]){ size, size }));
	y = hlo_reshape(b, y, 3, (int64_t[]){ 1, size, 1 });
	return in_out_shape(n, lu_solve(b, lu_factor(b, a, true), y, true, false));
}
