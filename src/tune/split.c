/* What depends on weights alone is computed once: a function `once` of weights, and `each` of what it gives, for every run. */
#include "tune/tune.h"

#include "stablehlo/clone.h"
#include "tune/uses.h"

typedef struct Pass {
	const Func *f;
	const Depends *depends;
	bool *outer;                 /* [from->value.n]: of the function's own, not of a region in it */
	bool *feeds_conv;            /* [from->value.n]: an operand of a convolution */
	double *nbytes;              /* of the weights that a value is computed from, at most what it has itself */
	bool *wanted;                /* by `each`, as a result of `once` or an argument */
	VEC(Value) result;           /* of `once`, in the order in which they were wanted */
	Arena *a;
} Pass;

static double type_nbytes(Type t) { return t.kind == TYPE_TENSOR ? (double)type_numel(t) * (double)dtype_nbytes(t.elem) : 0; }

/* -- what is worth it ------------------------------------------------------------------------------------ */

static void weigh(const Module *m, const Region *r, Pass *p)
{
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		double sum = 0;
		for (int k = 0; k < op->nin; k++) {
			sum += p->nbytes[op->in[k]];
			if (op->code == OP_convolution) p->feeds_conv[op->in[k]] = true;
		}
		for (int k = 0; k < op->nout; k++) {
			double own = type_nbytes(value_type(m, op->out + (Value)k));
			p->nbytes[op->out + (Value)k] = own < sum ? own : sum;
			p->outer[op->out + (Value)k] = true;
		}
	}
}

/* What takes more memory than the weights that it is computed from is computed at each run, and what costs XLA nothing there: it reads
 * broadcast, reshaped and, but for convolutions, transposed operands in place. */
static bool is_worth_it(const Module *m, const Pass *p, Value v)
{
	enum { SMALL = 4096 };
	const Op *def = m->value.v[v].def;
	if (!def || def->code == OP_reshape || def->code == OP_broadcast_in_dim || (def->code == OP_transpose && !p->feeds_conv[v])) return false;
	double sum = SMALL;
	for (int i = 0; i < def->nin; i++) sum += p->nbytes[def->in[i]];
	return type_nbytes(value_type(m, v)) <= sum;
}

static void want(const Module *m, Pass *p, Value v);

static void want_operands(const Module *m, Pass *p, const Op *op)
{
	for (int i = 0; i < op->nin; i++) want(m, p, op->in[i]);
	for (int k = 0; k < op->nregion; k++)
		for (int i = 0; i < op->region[k]->op.n; i++) want_operands(m, p, op->region[k]->op.v[i]);
}

/* A value of weights that is read at each run: as a result of `once`, or computed from such. Within regions it is not known what
 * arguments stand for. */
static void want(const Module *m, Pass *p, Value v)
{
	if (!p->outer[v] || p->depends[v] != WEIGHTS || p->wanted[v]) return;
	p->wanted[v] = true;
	const Op *def = m->value.v[v].def;
	if (is_worth_it(m, p, v)) *push(p->a, &p->result) = v;
	else if (def) want_operands(m, p, def);
}

static void find_results(const Module *m, Pass *p)
{
	for (int i = 0; i < p->f->body.op.n; i++) {
		const Op *op = p->f->body.op.v[i];
		bool later = op->nout && p->depends[op->out] == WEIGHTS;
		if (!later) want_operands(m, p, op);
	}
}

/* -- the two functions ----------------------------------------------------------------------------------- */

static bool skip(Clone *c, const Op *op)
{
	const Pass *p = c->pass;
	if (!op->nout || p->depends[op->out] != WEIGHTS) return false;
	for (int i = 0; i < op->nout; i++)
		if (p->wanted[op->out + (Value)i] && !c->now[op->out + (Value)i]) return false;
	return true;
}

static bool make_each(const Module *m, Pass *p, Module *to, Split *s)
{
	const Func *f = p->f;
	Func *main = func_new(to, f->name);
	Builder b = builder(to, main);
	Clone c = { .from = m, .rewrite = skip, .pass = p };
	clone_begin(&c, &b);
	to->attr = m->attr;
	int *argument = NEW(&to->arena, int, f->narg + p->result.n + 1), n = 0;
	for (int i = 0; i < f->narg; i++) {
		Value v = f->body.arg + (Value)i;
		if (p->depends[v] == WEIGHTS && !p->wanted[v]) continue;
		clone_argument(&c, v, value_type(c.from, v), f->arg_name ? f->arg_name[i] : NULL);
		if (f->arg_attr) main->arg_attr[n] = f->arg_attr[i];
		argument[n++] = i;
	}
	for (int i = 0; i < p->result.n; i++) {
		clone_argument(&c, p->result.v[i], value_type(c.from, p->result.v[i]), NULL);
		argument[n++] = ~i;
	}
	s->nargument = n;
	s->argument = argument;
	clone_body(&c, f);
	if (!to->err->code) dce(to);
	return !to->err->code;
}

static bool make_once(const Module *m, Pass *p, Module *to, Split *s)
{
	const Func *f = p->f;
	Func *main = func_new(to, f->name);
	Builder b = builder(to, main);
	Clone c = { .from = m, .pass = p };
	clone_begin(&c, &b);
	int *argument = NEW(&to->arena, int, f->narg + 1), n = 0;
	for (int i = 0; i < f->narg; i++) {
		if (p->depends[f->body.arg + (Value)i] != WEIGHTS) continue;
		clone_argument(&c, f->body.arg + (Value)i, f->arg_type[i], f->arg_name ? f->arg_name[i] : NULL);
		argument[n++] = i;
	}
	for (int i = 0; i < f->body.op.n; i++) {
		const Op *op = f->body.op.v[i];
		b.loc = op->loc;
		if (op->nout && p->depends[op->out] != EACH_RUN) clone_op(&c, op);
	}
	Value *ret = NEW(&to->arena, Value, p->result.n + 1);
	for (int i = 0; i < p->result.n; i++) ret[i] = c.now[p->result.v[i]];
	if (!to->err->code) func_return(&b, p->result.n, ret);
	if (to->err->code) return false;
	dce(to);
	bool *keep = NEW(&to->arena, bool, n + 1), *dropped = NEW(&to->arena, bool, n + 1);
	drop_unused_args(to, main, keep, dropped);
	for (int i = 0; i < n; i++)
		if (!dropped[i]) argument[s->nonce++] = argument[i];
	s->once = argument;
	return true;
}

bool split(const Module *from, const Func *f, const bool *fixed, Module *each, Module *once, Split *out)
{
	Arena *a = &each->arena;
	Pass p = { .f = f, .depends = find_dependence(from, f, fixed, a), .outer = NEW(a, bool, from->value.n + 1),
		.feeds_conv = NEW(a, bool, from->value.n + 1), .nbytes = NEW(a, double, from->value.n + 1),
		.wanted = NEW(a, bool, from->value.n + 1), .a = a };
	*out = (Split){ 0 };
	for (int i = 0; i < f->narg; i++) {
		p.nbytes[f->body.arg + (Value)i] = fixed[i] ? type_nbytes(f->arg_type[i]) : 0;
		p.outer[f->body.arg + (Value)i] = true;
	}
	weigh(from, &f->body, &p);
	find_results(from, &p);
	out->nresult = p.result.n;
	return make_each(from, &p, each, out) && (!p.result.n || make_once(from, &p, once, out));
}
