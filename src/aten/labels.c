/* The margin loss of samples that have several labels. */
#include "aten/pointwise.h"
#include "aten/rules.h"

/* The labels of each sample: target [N, C] up to the first negative one. */
typedef struct Labels {
	Type cube;                   /* [N, J, C]: label j against class c */
	Value hit;                   /* bool of cube: label j counts and is class c */
	Value is_target;             /* [N, C] bool: some label is class c */
} Labels;

static Labels labels_of(Builder *b, Value target, DType elem)
{
	Type t = known_type(b, target);
	Labels l = { 0 };
	if (!t.kind) return l;
	int64_t classes = t.dim[1];
	Value at = positions(b, t, 1, DTYPE_i64);
	Value none = is(b, DIRECTION_LT, target, 0);
	Value beyond = size_value(b, classes, t);
	Value first = hlo_select(b, none, at, beyond);
	first = reduce_over(b, OP_minimum, first, one_dim(b, 1));
	first = spread_over(b, first, one_dim(b, 1), t);
	Value counts = hlo_compare(b, DIRECTION_LT, at, first);
	l.cube = tensor_type(b->a, elem, 3, (int64_t[]){ t.dim[0], classes, classes });
	Value class = positions(b, l.cube, 2, DTYPE_i64);
	target = spread_over(b, target, one_dim(b, 2), l.cube);
	counts = spread_over(b, counts, one_dim(b, 2), l.cube);
	l.hit = hlo_compare(b, DIRECTION_EQ, target, class);
	l.hit = hlo_and(b, l.hit, counts);
	l.is_target = reduce_over(b, OP_or, l.hit, one_dim(b, 1));
	return l;
}

/* aten.multilabel_margin_loss(self[N?, C], target[N?, C], reduction), multilabel_margin_loss_forward -> (output, is_target):
 * sum over the labels j and the classes c that are no label of max(1 - (self[j] - self[c]), 0), over C */
Value lower_multilabel_margin_loss(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", acc_type(n->out.elem));
	Value target = arg_as(n, "target", DTYPE_i64);
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	int64_t classes = t.rank ? t.dim[t.rank - 1] : 1;
	int64_t d[2] = { t.rank > 1 ? t.dim[0] : 1, classes };
	if (t.rank > 2 || !classes) return node_fail(n, BAD_INPUT, "scores %s", type_str(n->a, t));
	x = hlo_reshape(b, x, 2, d);
	target = hlo_reshape(b, target, 2, d);
	Labels l = labels_of(b, target, t.elem);
	Value each = spread_over(b, x, one_dim(b, 1), l.cube);                 /* [N, J, C]: self[c] */
	Value own = if_num(b, hlo_not(b, l.hit), 0, each);
	own = sum_over(b, own, one_dim(b, 2));                                 /* [N, J]: self[j] */
	own = spread_over(b, own, one_dim(b, 2), l.cube);
	Value margin = hlo_subtract(b, each, own);
	margin = plus(b, margin, 1);
	margin = at_least(b, margin, 0);
	Value counts = reduce_over(b, OP_or, l.hit, one_dim(b, 2));
	counts = spread_over(b, counts, one_dim(b, 2), l.cube);
	Value other = hlo_not(b, spread_over(b, l.is_target, one_dim(b, 1), l.cube));
	counts = hlo_and(b, counts, other);
	margin = if_num(b, hlo_not(b, counts), 0, margin);
	Value loss = sum_over(b, margin, (Ints){ 2, (int64_t[]){ 1, 2 } });
	loss = divided_by_size(b, loss, classes);
	if (out_wanted(n, 1)) {
		Value is_target = cast(b, l.is_target, out_type(n, 1).elem);
		set_out(n, 1, reshape_to(b, is_target, out_type(n, 1)));
	}
	loss = reduced_loss(n, loss);
	return reshape_to(b, loss, n->out);
}
