/* test_verify: modules that are wrong as a whole - names, scopes, signatures - each built right first, then spoilt in one place.
 * What an op alone can have wrong is in infer.t. */
#include <stdio.h>
#include <string.h>

#include "stablehlo/ir.h"

/* main(x: f32[2]) = negate(exponential(x)), twice(x) = x + x */
static void build(Module *m)
{
	Type t = tensor_type(&m->arena, DTYPE_f32, 1, (int64_t[]){ 2 });
	Func *f = func_new(m, "main"), *g = func_new(m, "twice");
	Value x = func_arg(m, f, t, "x"), y = func_arg(m, g, t, "y");
	Builder b = builder(m, f), c = builder(m, g);
	x = hlo_exponential(&b, x);
	x = hlo_negate(&b, x);
	func_return(&b, 1, &x);
	y = hlo_add(&c, y, y);
	func_return(&c, 1, &y);
}

static void right(Module *m) { (void)m; }
static void same_names(Module *m) { m->func.v[1]->name = "main"; }
static void no_name(Module *m) { m->func.v[1]->name = ""; }
static void no_return(Module *m) { m->func.v[0]->body.op.n = 2; }
static void no_body(Module *m) { m->func.v[0]->body.op.n = 0; }
static void declared_only(Module *m) { m->func.v[1]->body.op.n = 0, m->func.v[1]->is_private = true; }
static void early_return(Module *m) { m->func.v[0]->body.op.v[0] = m->func.v[0]->body.op.v[2]; }
static void wrong_order(Module *m)
{
	Op **op = m->func.v[0]->body.op.v, *first = op[0];
	op[0] = op[1];
	op[1] = first;
}
static void defined_twice(Module *m) { m->func.v[0]->body.op.v[1] = m->func.v[0]->body.op.v[0]; }
static void other_function(Module *m) { m->func.v[0]->body.op.v[0]->in[0] = m->func.v[1]->body.arg; }
static void no_value(Module *m) { m->func.v[0]->body.op.v[0]->in[0] = 1000000; }
static void no_op(Module *m) { m->func.v[0]->body.op.v[1] = NULL; }
static void unknown_op(Module *m) { m->func.v[0]->body.op.v[1]->code = NOPS; }
static void other_result(Module *m) { m->func.v[0]->res_type[0].elem = DTYPE_f64; }
static void other_argument(Module *m) { m->func.v[0]->arg_type[0].elem = DTYPE_f64; }
static void more_results(Module *m) { m->func.v[0]->nres = 2; }
static void no_type(Module *m) { m->value.v[m->func.v[0]->body.arg].type.elem = DTYPE_c32; }

static const struct { void (*spoil)(Module *m); const char *says; } cases[] = {
	{ right, NULL },
	{ declared_only, NULL },
	{ same_names, "two functions are named main" },
	{ no_name, "function 1 has no name" },
	{ no_return, "main: op 1 (stablehlo.negate): negate_place: wanted one return, at the end of the region" },
	{ no_body, "main: has no body, and is not private" },
	{ early_return, "main: op 0 (stablehlo.return): return_place: wanted one return, at the end of the region" },
	{ wrong_order, "main: op 0 (stablehlo.negate): negate_operands: operand 0 is not defined before" },
	{ defined_twice, "main: op 1 (stablehlo.exponential): results: a value is defined twice" },
	{ other_function, "main: op 0 (stablehlo.exponential): exponential_operands: operand 0 is not defined before" },
	{ no_value, "main: op 0 (stablehlo.exponential): exponential_operands: operand 0 does not exist" },
	{ no_op, "main: op 1 is none" },
	{ unknown_op, "main: op 1 is none" },
	{ other_result, "main: result 0 is tensor<2xf32>, declared tensor<2xf64>" },
	{ other_argument, "main: argument 0 is declared tensor<2xf64>" },
	{ more_results, "main: returns 1 values, declares 2" },
	{ no_type, "main: arguments: tensor<2xcomplex<f16>> is no type of StableHLO" },
};

static bool passes(int i)
{
	Err err = { 0 };
	Module m = { .err = &err };
	jmp_buf full;
	if (setjmp(full)) return false;
	m.arena.full = &full;
	build(&m);
	cases[i].spoil(&m);
	const char *want = cases[i].says;
	bool ok = verify(&m) ? !want : want && !strcmp(err_msg(&err), want);
	if (!ok) printf("case %d: \"%s\", wanted \"%s\"\n", i, err_msg(&err), want ? want : "");
	module_free(&m);
	err_clear(&err);
	return ok;
}

int main(void)
{
	int n = (int)(sizeof cases / sizeof *cases), nfailed = 0;
	for (int i = 0; i < n; i++) nfailed += !passes(i);
	printf("%d cases, %d failed\n", n, nfailed);
	return nfailed != 0;
}
