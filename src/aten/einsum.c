/* Einstein sums: every operand's dims carry labels; operands are joined two at a time. */
#include "aten/layers.h"
#include "aten/rules.h"

#include <string.h>

/* Labels: A-Z, a-z, then the dims that "..." stands for, counted from the right, so that they broadcast as NumPy does. */
enum { NLETTERS = 52, MAX_ELLIPSIS = 64, NLABELS = NLETTERS + MAX_ELLIPSIS };

/* A tensor with one label for each dim. */
typedef struct Term { Value x; int n; int *label; } Term;

typedef struct Labels { bool has[NLABELS]; } Labels;

typedef struct Einsum {
	Node *n;
	Term *term;
	int nterm;
	Term out;                    /* no value: only labels */
	int64_t size[NLABELS];       /* where uses > 0 */
	int uses[NLABELS];
	int ellipsis;                /* most dims that "..." stands for */
} Einsum;

/* -- the equation ---------------------------------------------------------------------------------------- */

static int letter(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1; }

/* Labels of one operand or of the result, up to ',' or '-' or the end; "..." stands for `ellipsis` dims. Moves *at on. */
static bool parse_labels(Einsum *e, const char **at, int ellipsis, Term *t)
{
	const char *s = *at;
	bool dots = false;
	t->label = NEW(e->n->a, int, strlen(s) + MAX_ELLIPSIS);
	for (; *s && *s != ',' && *s != '-'; s++) {
		if (*s == ' ') continue;
		if (!strncmp(s, "...", 3) && !dots) {
			dots = true;
			for (int i = ellipsis - 1; i >= 0; i--) t->label[t->n++] = NLETTERS + i;
			s += 2;
			continue;
		}
		if (letter(*s) < 0) return node_fail(e->n, BAD_INPUT, "equation has '%c', wanted a letter or ...", *s), false;
		t->label[t->n++] = letter(*s);
	}
	*at = s;
	return true;
}

static int count_letters(const char *s)
{
	int n = 0;
	for (; *s && *s != ',' && *s != '-'; s++) n += letter(*s) >= 0;
	return n;
}

/* One more dim with this label. 1 gives way to any other size; where one of two is not known, the program says that they are equal. */
static bool take_size(Einsum *e, int label, int64_t d)
{
	int64_t *size = &e->size[label];
	bool first = !e->uses[label]++;
	if (first || *size == 1) return *size = d, true;
	if (d == 1 || d == *size || d < 0) return true;
	if (*size < 0) return *size = d, true;
	return node_fail(e->n, BAD_INPUT, "one label has sizes %lld and %lld", (long long)*size, (long long)d), false;
}

/* One operand: its labels, and the size that each has. */
static bool parse_operand(Einsum *e, const char **at, Value x)
{
	Type t = type_of(e->n->b, x);
	Term *term = &e->term[e->nterm++];
	int ellipsis = t.rank - count_letters(*at);
	if (ellipsis < 0 || ellipsis > MAX_ELLIPSIS || t.rank > MAX_ELLIPSIS) ellipsis = 0;
	if (!parse_labels(e, at, ellipsis, term)) return false;
	term->x = x;
	if (term->n != t.rank)
		return node_fail(e->n, BAD_INPUT, "operand %d is %s, the equation gives it %d dims", e->nterm - 1,
			type_str(e->n->a, t), term->n), false;
	if (ellipsis > e->ellipsis) e->ellipsis = ellipsis;
	for (int i = 0; i < t.rank; i++)
		if (!take_size(e, term->label[i], t.dim[i])) return false;
	return true;
}

/* Without "->" the result has the dims of "...", then the letters that stand once, in order. */
static void implied_result(Einsum *e)
{
	e->out.label = NEW(e->n->a, int, NLABELS);
	for (int i = e->ellipsis - 1; i >= 0; i--) e->out.label[e->out.n++] = NLETTERS + i;
	for (int i = 0; i < NLETTERS; i++)
		if (e->uses[i] == 1) e->out.label[e->out.n++] = i;
}

static bool parse_result(Einsum *e, const char *s)
{
	if (!*s) return implied_result(e), true;
	if (s[0] != '-' || s[1] != '>') return node_fail(e->n, BAD_INPUT, "equation has '%s', wanted ->", s), false;
	s += 2;
	if (!parse_labels(e, &s, e->ellipsis, &e->out)) return false;
	for (int i = 0; i < e->out.n; i++)
		if (!e->uses[e->out.label[i]]) return node_fail(e->n, BAD_INPUT, "a label of the result is in no operand"), false;
	return *s ? node_fail(e->n, BAD_INPUT, "equation goes on with '%s'", s), false : true;
}

static bool parse(Einsum *e, Values x)
{
	const char *s = arg_str(e->n, "equation", "");
	e->term = NEW(e->n->a, Term, x.n + 1);
	for (int i = 0; i < x.n; i++) {
		if (!x.v[i] || !parse_operand(e, &s, x.v[i])) return false;
		if (i + 1 < x.n && *s++ != ',') return node_fail(e->n, BAD_INPUT, "%d operands, the equation has %d", x.n, i + 1), false;
	}
	return parse_result(e, s);
}

/* -- terms ----------------------------------------------------------------------------------------------- */

static int place(Term t, int label)
{
	for (int i = 0; i < t.n; i++)
		if (t.label[i] == label) return i;
	return -1;
}

static Term drop_label(Term t, int at)
{
	for (int i = at; i + 1 < t.n; i++) t.label[i] = t.label[i + 1];
	t.n--;
	return t;
}

/* x [.., s, .., s, ..] -> [.., .., s]: with the two dims side by side the diagonal is every (s + 1)-th element */
static Value diagonal_of(Builder *b, Value x, int i, int j)
{
	Type t = type_of(b, x);
	DimTable *sizes = dims_of(b->m);
	int64_t s = t.dim[i], all = dim_times(sizes, s, s), *p = NEW(b->a, int64_t, t.rank), *d = NEW(b->a, int64_t, t.rank);
	int n = 0;
	for (int k = 0; k < t.rank; k++)
		if (k != i && k != j) d[n] = t.dim[k], p[n++] = k;
	p[n] = i;
	p[n + 1] = j;
	x = hlo_transpose(b, x, (Ints){ t.rank, p });
	d[n] = all;
	x = hlo_reshape(b, x, t.rank - 1, d);
	return slice_dim(b, x, n, 0, all, dim_plus(sizes, s, 1));
}

/* A label that stands twice in one operand: its diagonal. */
static Term without_repeats(Einsum *e, Term t)
{
	for (int i = 0; i < t.n; i++)
		for (int j = i + 1; j < t.n; j++) {
			if (t.label[i] != t.label[j]) continue;
			int label = t.label[i];
			t.x = diagonal_of(e->n->b, t.x, i, j);
			t = drop_label(drop_label(t, j), i);
			t.label[t.n++] = label;
			return t.x ? without_repeats(e, t) : t;
		}
	return t;
}

/* A dim of 1 where others have more is left out: what has no such label is the same all along it. */
static Term without_ones(Einsum *e, Term t)
{
	for (int i = t.n - 1; i >= 0 && t.x; i--) {
		if (type_of(e->n->b, t.x).dim[i] != 1 || e->size[t.label[i]] == 1) continue;
		t.x = squeeze_dim(e->n->b, t.x, i);
		t = drop_label(t, i);
	}
	return t;
}

/* Summed over the labels that neither `keep` nor `other` has. */
static Term summed(Einsum *e, Term t, const Labels *keep, Term other)
{
	Builder *b = e->n->b;
	int64_t *dims = NEW(e->n->a, int64_t, t.n + 1);
	int n = 0, left = 0;
	int *label = NEW(e->n->a, int, t.n + 1);
	for (int i = 0; i < t.n; i++) {
		if (keep->has[t.label[i]] || place(other, t.label[i]) >= 0) label[left++] = t.label[i];
		else dims[n++] = i;
	}
	if (!n || !t.x) return t;
	DType elem = elem_of(b, t.x);
	t.x = cast(b, t.x, acc_type(elem));
	t.x = sum_over(b, t.x, (Ints){ n, dims });
	t.x = cast(b, t.x, elem);
	return (Term){ t.x, left, label };
}

/* -- joining two ----------------------------------------------------------------------------------------- */

/* Where the labels of `in` stand in t. */
static Ints places(Arena *a, Term t, Term in)
{
	int64_t *v = NEW(a, int64_t, in.n + 1);
	for (int i = 0; i < in.n; i++) v[i] = place(t, in.label[i]);
	return (Ints){ in.n, v };
}

static void add_labels(Term *to, Term from, Term but)
{
	for (int i = 0; i < from.n; i++)
		if (place(but, from.label[i]) < 0 && place(*to, from.label[i]) < 0) to->label[to->n++] = from.label[i];
}

/* Nothing is summed: the product of both, broadcast to all their labels. */
static Value multiplied(Einsum *e, Term x, Term y, Term out)
{
	Builder *b = e->n->b;
	int64_t *d = NEW(b->a, int64_t, out.n + 1);
	for (int i = 0; i < out.n; i++) d[i] = e->size[out.label[i]];
	Value p = hlo_broadcast_in_dim(b, x.x, out.n, d, places(b->a, out, x));
	Value q = hlo_broadcast_in_dim(b, y.x, out.n, d, places(b->a, out, y));
	return hlo_multiply(b, p, q);
}

static Term join(Einsum *e, Term x, Term y, const Labels *keep)
{
	Arena *a = e->n->a;
	x = summed(e, x, keep, y);
	y = summed(e, y, keep, x);
	Term batch = { .label = NEW(a, int, x.n + 1) }, sum = { .label = NEW(a, int, x.n + 1) }, none = { 0 };
	for (int i = 0; i < x.n; i++) {
		if (place(y, x.label[i]) < 0) continue;
		Term *t = keep->has[x.label[i]] ? &batch : &sum;
		t->label[t->n++] = x.label[i];
	}
	Term out = { .label = NEW(a, int, x.n + y.n + 1) };
	add_labels(&out, batch, none);
	add_labels(&out, x, sum);
	add_labels(&out, y, sum);
	if (!x.x || !y.x) return out;
	if (!sum.n) out.x = multiplied(e, x, y, out);
	else out.x = hlo_dot_general(e->n->b, x.x, y.x, (DotDims){ places(a, x, batch), places(a, y, batch), places(a, x, sum),
		places(a, y, sum) }, elem_of(e->n->b, x.x));
	return out;
}

/* Labels that are still needed once terms i and j are joined. */
static Labels needed(const Einsum *e, int i, int j)
{
	Labels l = { { false } };
	for (int k = 0; k < e->out.n; k++) l.has[e->out.label[k]] = true;
	for (int t = 0; t < e->nterm; t++)
		for (int k = 0; k < e->term[t].n && t != i && t != j; k++) l.has[e->term[t].label[k]] = true;
	return l;
}

/* Terms i < j become one, which is put last, as "path" counts, or first. */
static void join_at(Einsum *e, int i, int j, bool first)
{
	Labels keep = needed(e, i, j);
	Term t = join(e, e->term[i], e->term[j], &keep);
	int n = first;
	for (int k = 0; k < e->nterm; k++)
		if (k != i && k != j) e->term[n++] = e->term[k];
	e->nterm--;
	e->term[first ? 0 : n] = t;
}

static bool join_by_path(Einsum *e, Ints path)
{
	for (int k = 0; k + 1 < path.n && e->nterm > 1; k += 2) {
		int64_t i = path.v[k] < path.v[k + 1] ? path.v[k] : path.v[k + 1], j = path.v[k] + path.v[k + 1] - i;
		if (i < 0 || i == j || j >= e->nterm)
			return node_fail(e->n, BAD_INPUT, "path has %lld, %lld of %d operands", (long long)i, (long long)j, e->nterm), false;
		join_at(e, (int)i, (int)j, false);
	}
	return true;
}

/* aten.einsum(equation, tensors, path?): operands joined in the order of "path" (pairs of positions), else from the left */
Value lower_einsum(Node *n)
{
	Einsum e = { .n = n };
	Values x = arg_list(n, "tensors");
	if (!x.n || !parse(&e, x)) return 0;
	for (int i = 0; i < e.nterm; i++) {
		e.term[i].x = cast(n->b, e.term[i].x, n->out.elem);
		e.term[i] = without_repeats(&e, e.term[i]);
		e.term[i] = without_ones(&e, e.term[i]);
	}
	if (!join_by_path(&e, arg_ints(n, "path"))) return 0;
	while (e.nterm > 1) join_at(&e, 0, 1, true);
	Labels keep = needed(&e, 0, 0);
	Term t = summed(&e, e.term[0], &keep, (Term){ 0 });
	return t.x ? hlo_transpose(n->b, t.x, places(n->a, t, e.out)) : 0;
}
