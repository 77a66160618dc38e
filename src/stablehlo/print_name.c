/* SSA names as mlir/lib/IR/AsmPrinter.cpp (SSANameState) gives them: arguments %arg0, constants %cst and
 * %c, what a few ops call their results, and numbers for the rest. A word that is taken gets the next of
 * one shared counter: %cst, %c, %cst_0. */
#include "stablehlo/print.h"

enum { NUMBERED, ARG, C, CST, ITER_ARG, FIRST_RESULT };

/* Results that StablehloOps.td names; a lone result never shows its name. */
static const struct { OpCode code; int base; } named[] = {
	{ OP_batch_norm_grad, FIRST_RESULT },
	{ OP_batch_norm_training, FIRST_RESULT + 3 },
	{ OP_rng_bit_generator, FIRST_RESULT + 6 },
};

static const char *const word[] = {
	"", "arg", "c", "cst", "iterArg",
	"grad_operand", "grad_scale", "grad_offset",
	"output", "batch_mean", "batch_var",
	"output_state", "output",
};

enum { OUTPUT = FIRST_RESULT + 3, OUTPUT_AGAIN = FIRST_RESULT + 7 };   /* one word, so one bit */

static int result_base(const Op *op)
{
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		if (named[i].code == op->code) return named[i].base;
	return NUMBERED;
}

static SsaName unique(Scope *s, int base)
{
	unsigned bit = 1u << (base == OUTPUT_AGAIN ? OUTPUT : base);
	if (s->used & bit) return (SsaName){ base, s->conflict++, -1 };
	s->used |= bit;
	return (SsaName){ base, -1, -1 };
}

static void name_results(Printer *p, const Op *op, Scope *s)
{
	SsaName *name = p->name + op->out;
	int base = result_base(op);
	if (op->code == OP_constant && op->nout) {
		Type t = value_type(p->m, op->out);
		bool is_integer = !t.quant && (is_int(t.elem) || t.elem == DTYPE_bool);
		name[0] = unique(s, is_integer ? C : CST);
	} else if (base && op->nout <= 3) {
		for (int i = 0; i < op->nout; i++) name[i] = unique(s, base + i);
	} else if (op->nout) {
		for (int i = 0; i < op->nout; i++) name[i] = (SsaName){ NUMBERED, s->value, op->nout > 1 ? i : -1 };
		s->value++;
	}
}

Scope name_region(Printer *p, const Region *r, Scope s, bool is_while)
{
	for (int i = 0; i < r->narg; i++)
		p->name[r->arg + (Value)i] = is_while ? unique(&s, ITER_ARG) : (SsaName){ ARG, s.arg++, -1 };
	for (int i = 0; i < r->op.n; i++) name_results(p, r->op.v[i], &s);
	return s;
}

static void put_name(Printer *p, SsaName name)
{
	put_byte(p->b, '%');
	put_str(p->b, word[name.base]);
	if (name.number < 0) return;
	if (name.base > ARG) put_byte(p->b, '_');
	put_int(p->b, name.number);
}

void put_value(Printer *p, Value v)
{
	SsaName name = p->name[v];
	put_name(p, name);
	if (name.sub < 0) return;
	put_byte(p->b, '#');
	put_int(p->b, name.sub);
}

void put_values(Printer *p, int n, const Value *v)
{
	for (int i = 0; i < n; i++) {
		if (i) PUT(p->b, ", ");
		put_value(p, v[i]);
	}
}

void put_results(Printer *p, const Op *op)
{
	if (!op->nout) return;
	bool together = p->name[op->out].sub >= 0;
	for (int i = 0; i < (together ? 1 : op->nout); i++) {
		if (i) PUT(p->b, ", ");
		put_name(p, p->name[op->out + (Value)i]);
	}
	if (together) {
		put_byte(p->b, ':');
		put_int(p->b, op->nout);
	}
	PUT(p->b, " = ");
}
