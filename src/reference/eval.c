/* Values, regions, calls, control flow. */
#include "reference/internal.h"

#include <stdio.h>

enum { MAX_DEPTH = 256 };        /* calls and regions in each other; far more than programs have, far less than a stack holds */

/* -- ops ------------------------------------------------------------------------------------------------- */

bool eval_fail(Eval *v, const Op *op, Code code, const char *fmt, ...)
{
	va_list args;
	char text[512];
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	return fail(v->err, code, "stablehlo.%s: %s", op_table[op->code].name, text);
}

const Attr *attr(const Op *op, const char *name)
{
	static const Attr none;
	int i = op_attr_index(op->code, name);
	return i < 0 ? &none : &op->attr[i];
}

/* -- how long values are needed -------------------------------------------------------------------------- */

/* Which op of each region that is open is looked at; level: of the region that defines a value. */
typedef struct Lives { Eval *v; int *level; const Op *at[MAX_DEPTH]; } Lives;

static bool find_lives(Lives *l, const Region *r, int level)
{
	if (level >= MAX_DEPTH) return fail(l->v->err, UNSUPPORTED, "regions are nested more than %d deep", MAX_DEPTH);
	for (int i = 0; i < r->narg; i++) l->level[r->arg + (Value)i] = level;
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		l->at[level] = op;
		for (int k = 0; k < op->nout; k++) l->level[op->out + (Value)k] = level;
		for (int k = 0; k < op->nin; k++) l->v->last[op->in[k]] = l->at[l->level[op->in[k]]];
		for (int k = 0; k < op->nregion; k++)
			if (!find_lives(l, op->region[k], level + 1)) return false;
	}
	return true;
}

static void forget(Eval *v, Value x)
{
	drop(v->now[x]);
	v->now[x] = NULL;
}

/* What op, or a region of it, was the last to need. */
static void forget_operands(Eval *v, const Op *op, const Op *used)
{
	for (int i = 0; i < used->nin; i++)
		if (v->last[used->in[i]] == op) forget(v, used->in[i]);
	for (int i = 0; i < used->nregion; i++)
		for (int k = 0; k < used->region[i]->op.n; k++) forget_operands(v, op, used->region[i]->op.v[k]);
}

/* -- regions --------------------------------------------------------------------------------------------- */

enum { FEW = 16 };

static bool operands(Eval *v, const Op *op, Tensor **in)
{
	for (int i = 0; i < op->nin; i++)
		if (!(in[i] = v->now[op->in[i]])) return eval_fail(v, op, BAD_INPUT, "operand %d has no value here", i);
	return true;
}

static bool run_op(Eval *v, const Op *op)
{
	Tensor *few[2 * FEW] = { 0 }, **in = few, **out = few + FEW;
	if (op->nin > FEW || op->nout > FEW) {
		in = calloc((size_t)op->nin + (size_t)op->nout + 1, sizeof *in);
		if (!in) return eval_fail(v, op, NO_MEMORY, "no memory");
		out = in + op->nin;
	}
	Evaluate *f = evaluators[op->code];
	bool ok = operands(v, op, in);
	if (ok && !f) ok = eval_fail(v, op, UNSUPPORTED, "the reference evaluator does not have it");
	ok = ok && eval_quantized(v, op, in, out) && !v->err->code;
	for (int i = 0; i < op->nout; i++) {
		Value x = op->out + (Value)i;
		if (ok && v->last[x]) v->now[x] = out[i];
		else drop(out[i]);
	}
	forget_operands(v, op, op);
	if (in != few) free(in);
	return ok;
}

static bool run_ops(Eval *v, const Region *r)
{
	for (int i = 0; i + 1 < r->op.n; i++)
		if (!run_op(v, r->op.v[i])) return false;
	return true;
}

/* After a failure, or at the end: nothing that the region defined is kept. */
static void clear_region(Eval *v, const Region *r)
{
	for (int i = 0; i < r->narg; i++) forget(v, r->arg + (Value)i);
	for (int i = 0; i < r->op.n; i++)
		for (int k = 0; k < r->op.v[i]->nout; k++) forget(v, r->op.v[i]->out + (Value)k);
}

bool run_region(Eval *v, const Region *r, Tensor *const *arg, Tensor **out, int nout)
{
	const Op *end = r->op.n ? r->op.v[r->op.n - 1] : NULL;
	if (!end || end->code != OP_return || end->nin != nout) return fail(v->err, BAD_INPUT, "a region does not return %d values", nout);
	if (v->depth >= MAX_DEPTH) return fail(v->err, UNSUPPORTED, "calls and regions are nested more than %d deep", MAX_DEPTH);
	v->depth++;
	for (int i = 0; i < r->narg; i++) v->now[r->arg + (Value)i] = v->last[r->arg + (Value)i] ? hold(arg[i]) : NULL;
	bool ok = run_ops(v, r);
	for (int i = 0; ok && i < nout; i++) {
		Tensor *t = v->now[end->in[i]];
		ok = t || fail(v->err, BAD_INPUT, "a region returns what has no value");
		out[i] = ok ? hold(t) : NULL;
	}
	clear_region(v, r);
	v->depth--;
	for (int i = 0; !ok && i < nout; i++) {
		drop(out[i]);
		out[i] = NULL;
	}
	return ok;
}

/* -- calls ----------------------------------------------------------------------------------------------- */

static int function_index(const Eval *v, const char *name) { return name ? map_get(&v->func, name, strlen(name)) : -1; }

bool run_function(Eval *v, const Op *op, const char *name, Tensor *const *in, int nin, Tensor **out, int nout)
{
	int i = function_index(v, name);
	if (i < 0) return eval_fail(v, op, BAD_INPUT, "there is no function @%s", name ? name : "");
	const Func *f = v->m->func.v[i];
	if (f->narg != nin || f->nres != nout) return eval_fail(v, op, BAD_INPUT, "@%s takes %d values and returns %d", name, f->narg, f->nres);
	if (v->running[i]) return eval_fail(v, op, UNSUPPORTED, "@%s calls itself", name);
	v->running[i] = true;
	bool ok = run_region(v, &f->body, in, out, nout);
	v->running[i] = false;
	return ok;
}

bool eval_call(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	return run_function(v, op, attr(op, "callee")->str, in, op->nin, out, op->nout);
}

bool eval_composite(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	return run_function(v, op, attr(op, "decomposition")->str, in, op->nin, out, op->nout);
}

static Dense as_dense(const Tensor *t)
{
	return (Dense){ .type = t->type, .data = t->data, .nbytes = (size_t)t->n * t->each };
}

bool eval_custom_call(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const char *target = attr(op, "call_target_name")->str;
	bool known = false, ok = true;
	Dense *x = calloc((size_t)op->nin + (size_t)op->nout + 1, sizeof *x), *y = x + op->nin;
	if (!x) return eval_fail(v, op, NO_MEMORY, "no memory");
	for (int i = 0; i < op->nin; i++) x[i] = as_dense(in[i]);
	for (int i = 0; ok && i < op->nout; i++) {
		Type t = value_type(v->m, op->out + (Value)i);
		ok = is_static(t) && (out[i] = result(v, op, i, t.rank, t.dim));
		if (ok) y[i] = as_dense(out[i]);
	}
	if (ok && v->opt && v->opt->custom_call) ok = v->opt->custom_call(v->opt->self, target, op->nin, x, op->nout, y, &known, v->err);
	free(x);
	return known ? ok : eval_fail(v, op, UNSUPPORTED, "the reference evaluator has no '%s'", target ? target : "");
}

/* -- control flow ---------------------------------------------------------------------------------------- */

bool eval_if(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	return run_region(v, op->region[in[0]->data[0] ? 0 : 1], NULL, out, op->nout);
}

bool eval_case(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int64_t i = int_at(in[0], 0);
	return run_region(v, op->region[i < 0 || i >= op->nregion ? op->nregion - 1 : i], NULL, out, op->nout);
}

static bool go_on(Eval *v, const Op *op, Tensor *const *now, bool *yes)
{
	Tensor *pred;
	if (!run_region(v, op->region[0], now, &pred, 1)) return false;
	*yes = pred->data[0];
	drop(pred);
	return true;
}

bool eval_while(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	bool yes = false, ok = true;
	Tensor **next = calloc((size_t)op->nin + 1, sizeof *next);
	if (!next) return eval_fail(v, op, NO_MEMORY, "no memory");
	for (int i = 0; i < op->nin; i++) out[i] = hold(in[i]);
	while ((ok = go_on(v, op, out, &yes)) && yes) {
		if (!(ok = run_region(v, op->region[1], out, next, op->nin))) break;
		for (int i = 0; i < op->nin; i++) {
			drop(out[i]);
			out[i] = next[i];
		}
	}
	free(next);
	return ok;
}

/* -- values that are no computation ---------------------------------------------------------------------- */

bool eval_constant(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Dense *d = attr(op, "value")->dense;
	(void)in;
	Tensor *t = out[0] = result(v, op, 0, d->type.rank, d->type.dim);
	if (!t) return false;
	if (d->nbytes < (d->splat ? t->n ? t->each : 0 : (size_t)t->n * t->each)) return eval_fail(v, op, BAD_INPUT, "%zu bytes of elements", d->nbytes);
	if (d->splat && t->n) fill(t->data, d->data, t->each, t->n);
	else if (t->n) memcpy(t->data, d->data, (size_t)t->n * t->each);
	return true;
}

bool eval_tuple(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Tensor *t = out[0] = token_new(v, op);
	if (!t) return false;
	t->part = calloc((size_t)op->nin + 1, sizeof *t->part);
	if (!t->part) return eval_fail(v, op, NO_MEMORY, "no memory");
	t->type = value_type(v->m, op->out);
	t->type.npart = op->nin;
	for (int i = 0; i < op->nin; i++) t->part[i] = hold(in[i]);
	return true;
}

bool eval_get_tuple_element(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int64_t i = attr(op, "index")->i;
	if (!in[0]->part || i < 0 || i >= in[0]->type.npart) return eval_fail(v, op, BAD_INPUT, "there is no element %lld", (long long)i);
	out[0] = hold(in[0]->part[i]);
	return true;
}

bool eval_same(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	(void)v;
	for (int i = 0; i < op->nout; i++) out[i] = hold(in[i]);
	return true;
}

bool eval_token(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	(void)in;
	return (out[0] = token_new(v, op)) != NULL;
}

/* -- the whole ------------------------------------------------------------------------------------------- */

static bool input_fits(const Func *f, int i, const Dense *d, Err *e)
{
	Type want = f->arg_type[i];
	int64_t n = type_numel(d->type);
	size_t each = dtype_nbytes(want.quant ? want.quant->storage : want.elem);
	bool fits = want.kind == TYPE_TENSOR && want.rank == d->type.rank && want.elem == d->type.elem && is_static(d->type);
	for (int k = 0; fits && k < want.rank; k++) fits = want.dim[k] < 0 || want.dim[k] == d->type.dim[k];
	if (!fits) return fail(e, BAD_INPUT, "@%s: input %d is not of the type that the function takes", f->name, i);
	bool there = !d->splat && n != INT64_MAX && d->nbytes / each >= (size_t)n;
	return there || fail(e, BAD_INPUT, "@%s: input %d has %zu bytes", f->name, i, d->nbytes);
}

static bool take_inputs(Eval *v, const Func *f, const Dense *in, Tensor **arg)
{
	static const Op nothing;
	for (int i = 0; i < f->narg; i++) {
		if (!input_fits(f, i, &in[i], v->err)) return false;
		arg[i] = tensor_new(v, &nothing, f->arg_type[i], in[i].type.rank, in[i].type.dim);
		if (!arg[i]) return false;
		if (arg[i]->n) memcpy(arg[i]->data, in[i].data, (size_t)arg[i]->n * arg[i]->each);
	}
	return true;
}

static bool give_outputs(Eval *v, const Func *f, Tensor *const *got, Dense *out, Arena *a)
{
	for (int i = 0; i < f->nres; i++) {
		const Tensor *t = got[i];
		if (t->type.kind != TYPE_TENSOR) return fail(v->err, UNSUPPORTED, "@%s: result %d is no tensor", f->name, i);
		out[i] = as_dense(t);
		out[i].type.dim = COPY(a, int64_t, t->dim, t->type.rank);
		out[i].data = arena_copy(a, t->data, out[i].nbytes, 1);
	}
	return true;
}

static bool prepare(Eval *v)
{
	const Module *m = v->m;
	size_t n = (size_t)m->value.n + 1;
	Lives l = { .v = v, .level = NEW(&v->scratch, int, n) };
	v->last = NEW(&v->scratch, const Op *, n);
	v->running = NEW(&v->scratch, bool, m->func.n + 1);
	v->func = (Map){ .arena = &v->scratch };
	for (int i = 0; i < m->func.n; i++) {
		map_set(&v->func, m->func.v[i]->name, strlen(m->func.v[i]->name), i);
		if (!find_lives(&l, &m->func.v[i]->body, 0)) return false;
	}
	return true;
}

static bool run_main(Eval *v, const Func *f, const Dense *in, Dense *out, Arena *a, Tensor **arg, Tensor **got)
{
	if (!prepare(v) || !take_inputs(v, f, in, arg)) return false;
	int i = function_index(v, f->name);
	if (i >= 0) v->running[i] = true;
	return run_region(v, &f->body, arg, got, f->nres) && give_outputs(v, f, got, out, a);
}

bool evaluate(const Module *m, const Func *f, const Dense *in, Dense *out, Arena *a, const EvalOptions *opt, Err *e)
{
	Eval v = { .m = m, .err = e, .opt = opt };
	Tensor **value = calloc((size_t)m->value.n + (size_t)f->narg + (size_t)f->nres + 1, sizeof *value);
	if (!value) return fail(e, NO_MEMORY, "out of memory");
	Tensor **arg = value + m->value.n, **got = arg + f->narg;
	jmp_buf full, *outer = a->full;
	bool ok = false;
	v.now = value;
	v.scratch.full = a->full = &full;
	if (setjmp(full)) fail(e, NO_MEMORY, "out of memory");
	else ok = run_main(&v, f, in, out, a, arg, got);
	a->full = outer;
	for (int i = 0; i < m->value.n + f->narg + f->nres; i++) drop(value[i]);
	free(value);
	arena_free(&v.scratch);
	return ok;
}
