/* Triangular systems, and what Cholesky factors solve. */
#include "aten/linalg.h"
#include "aten/rules.h"

Value solve_triangle(Builder *b, Value a, Value y, Triangle t)
{
	Type at = known_type(b, a), yt = known_type(b, y);
	if (!at.kind || !yt.kind) return 0;
	if (!type_numel(yt) || !type_numel(at)) return y;
	return hlo_triangular_solve(b, a, y, !t.right, !t.upper, t.unit, t.transpose);
}

/* -- batches --------------------------------------------------------------------------------------------- */

/* The leading dims of x and y broadcast against each other. */
static bool broadcast_batches(Node *n, Value *x, Value *y)
{
	Type t = known_type(n->b, *x), u = known_type(n->b, *y);
	if (!t.kind || !u.kind) return false;
	if (t.rank < 2 || u.rank < 2)
		return node_fail(n, BAD_INPUT, "%s and %s, wanted matrices", type_str(n->a, t),
			type_str(n->a, u)), false;
	Type batch = t, of_y = u;
	batch.rank -= 2;
	of_y.rank -= 2;
	batch = broadcast_type(n, batch, of_y);
	int64_t *dx = NEW(n->a, int64_t, batch.rank + 2), *dy = NEW(n->a, int64_t, batch.rank + 2);
	for (int i = 0; i < batch.rank; i++) dx[i] = dy[i] = batch.dim[i];
	for (int i = 0; i < 2; i++) {
		dx[batch.rank + i] = t.dim[t.rank - 2 + i];
		dy[batch.rank + i] = u.dim[u.rank - 2 + i];
	}
	*x = broadcast(n->b, *x, tensor_type(n->a, t.elem, batch.rank + 2, dx));
	*y = broadcast(n->b, *y, tensor_type(n->a, u.elem, batch.rank + 2, dy));
	return *x && *y;
}

bool as_system(Node *n, Value *a, Value *y)
{
	if (!broadcast_batches(n, a, y)) return false;
	*a = as_matrices(n, *a);
	*y = as_matrices(n, *y);
	return *a && *y;
}

bool arg_system(Node *n, const char *a, const char *y, Value *out_a, Value *out_y)
{
	*out_a = arg(n, a);
	*out_y = arg(n, y);
	return as_system(n, out_a, out_y);
}

/* -- rules ----------------------------------------------------------------------------------------------- */

/* aten.linalg_solve_triangular(self[*, n, n], B[*, n, k], *, upper, left=True, unitriangular=False): X
 * of self X = B, of X self = B when not left */
Value lower_linalg_solve_triangular(Node *n)
{
	Value a, y;
	if (!arg_system(n, "self", "B", &a, &y)) return 0;
	y = solve_triangle(n->b, a, y, (Triangle){
		.upper = arg_bool(n, "upper", false),
		.right = !arg_bool(n, "left", true),
		.unit = arg_bool(n, "unitriangular", false),
	});
	return in_out_shape(n, y);
}

/* aten.triangular_solve(self[*, n, k], A[*, n, n], upper=True, transpose=False, unitriangular=False)
 * -> (X of A X = self, or A^T X = self; a copy of A) */
Value lower_triangular_solve(Node *n)
{
	Value a, y;
	if (!arg_system(n, "A", "self", &a, &y)) return 0;
	set_matrix_out(n, 1, a);
	y = solve_triangle(n->b, a, y, (Triangle){
		.upper = arg_bool(n, "upper", true),
		.unit = arg_bool(n, "unitriangular", false),
		.transpose = arg_bool(n, "transpose", false),
	});
	return in_out_shape(n, y);
}

/* y = L L^H x, given L; given L^H when upper */
static Value solve_by_cholesky(Builder *b, Value l, Value y, bool upper)
{
	if (upper) l = adjoint(b, l);
	y = solve_triangle(b, l, y, (Triangle){ 0 });
	l = adjoint(b, l);
	return solve_triangle(b, l, y, (Triangle){ .upper = true });
}

/* aten.cholesky_solve(self[*, n, k], input2[*, n, n], upper=False): X of L L^H X = self */
Value lower_cholesky_solve(Node *n)
{
	Value l, y;
	if (!arg_system(n, "input2", "self", &l, &y)) return 0;
	y = solve_by_cholesky(n->b, l, y, arg_bool(n, "upper", false));
	return in_out_shape(n, y);
}

/* aten._cholesky_solve_helper(self, A, upper) */
Value lower_cholesky_solve_helper(Node *n)
{
	Value l, y;
	if (!arg_system(n, "A", "self", &l, &y)) return 0;
	y = solve_by_cholesky(n->b, l, y, arg_bool(n, "upper", false));
	return in_out_shape(n, y);
}

/* aten.cholesky_inverse(self, upper=False): (L L^H)^-1 */
Value lower_cholesky_inverse(Node *n)
{
	Value l = arg_square(n, "self");
	if (!l) return 0;
	Value y = identity_like(n->b, type_of(n->b, l));
	y = solve_by_cholesky(n->b, l, y, arg_bool(n, "upper", false));
	return in_out_shape(n, y);
}
