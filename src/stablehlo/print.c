/* Modules as MLIR prints them: functions, regions, and ops without a form of their own. */
#include "stablehlo/print.h"
#include "stablehlo/bytecode.h"   /* vhlo_spelling */

#include <stdlib.h>
#include <string.h>

static void put_spaces(Printer *p)
{
	static const char blank[] = "                                ";
	size_t step = sizeof blank - 1;
	for (size_t n, left = (size_t)p->indent; left; left -= n) {
		n = left < step ? left : step;
		put(p->b, blank, n);
	}
}

void put_newline(Printer *p)
{
	put_byte(p->b, '\n');
	put_spaces(p);
}

/* -- pieces of ops --------------------------------------------------------------------------------------- */

void put_operand_types(Printer *p, const Op *op)
{
	for (int i = 0; i < op->nin; i++) {
		if (i) PUT(p->b, ", ");
		put_type(p->b, value_type(p->m, op->in[i]));
	}
}

void put_result_types(Printer *p, const Op *op)
{
	for (int i = 0; i < op->nout; i++) {
		if (i) PUT(p->b, ", ");
		put_type(p->b, value_type(p->m, op->out + (Value)i));
	}
}

void put_fn(Printer *p, const Op *op)
{
	put_byte(p->b, '(');
	put_operand_types(p, op);
	put_str(p->b, op->nout == 1 ? ") -> " : ") -> (");
	put_result_types(p, op);
	if (op->nout != 1) put_byte(p->b, ')');
}

void put_argument(Printer *p, Value v)
{
	put_value(p, v);
	PUT(p->b, ": ");
	put_type(p->b, value_type(p->m, v));
	put_argument_loc(p, v);
}

/* In a function's body the func dialect is the default and its ops go without prefix. */
void put_op_name(Printer *p, const Op *op)
{
	bool is_func = op->code == OP_call || (op->code == OP_return && p->top);
	if (!is_func) PUT(p->b, "stablehlo.");
	else if (!p->top) PUT(p->b, "func.");
	put_str(p->b, vhlo_spelling(op->code));
}

/* -- generic ops ----------------------------------------------------------------------------------------- */

/* infeed_config and outfeed_config are DefaultValuedStrAttr, not Optional: MLIR always has them, as "" if
 * need be. */
static bool is_written(const AttrDef *def, const Attr *a)
{
	return a->set || (def->kind == KIND_STR && def->otherwise);
}

int next_attr(const Op *op, const char *last)
{
	const AttrDef *def = op_table[op->code].attr;
	int best = -1;
	for (int i = 0; def[i].name; i++) {
		bool later = is_written(&def[i], &op->attr[i]) && (!last || strcmp(def[i].name, last) > 0);
		if (later && (best < 0 || strcmp(def[i].name, def[best].name) < 0)) best = i;
	}
	return best;
}

void put_named_attr(Printer *p, const AttrDef *def, const Attr *a)
{
	put_str(p->b, def->name);
	if (def->kind == KIND_UNIT) return;
	PUT(p->b, " = ");
	put_attr(p->b, def->kind, a, false);
}

static void put_properties(Printer *p, const Op *op)
{
	const AttrDef *def = op_table[op->code].attr;
	const char *last = NULL;
	for (int i; (i = next_attr(op, last)) >= 0; last = def[i].name) {
		put_str(p->b, last ? ", " : " <{");
		put_named_attr(p, &def[i], &op->attr[i]);
	}
	if (last) PUT(p->b, "}>");
}

void put_generic(Printer *p, const Op *op)
{
	put_byte(p->b, '(');
	put_values(p, op->nin, op->in);
	put_byte(p->b, ')');
	put_properties(p, op);
	if (op->nregion) {
		PUT(p->b, " (");
		put_regions(p, op);
		put_byte(p->b, ')');
	}
	if (op->extra) put_any_dict(p->b, op->extra);
	PUT(p->b, " : ");
	put_fn(p, op);
}

/* What follows the results. */
static void put_named_op(Printer *p, const Op *op)
{
	bool generic = !op_table[op->code].form;
	if (generic) put_byte(p->b, '"');
	put_op_name(p, op);
	if (generic) put_byte(p->b, '"');
	if (generic) put_generic(p, op);
	else put_form(p, op);
}

static void put_op(Printer *p, const Op *op)
{
	put_spaces(p);
	put_results(p, op);
	if (!p->m->nmesh || !put_sharding_constraint(p, op)) put_named_op(p, op);
	put_loc(p, op->loc);
	put_byte(p->b, '\n');
}

/* -- regions --------------------------------------------------------------------------------------------- */

static void put_body(Printer *p, const Region *r)
{
	p->indent += 2;
	for (int i = 0; i < r->op.n; i++) put_op(p, r->op.v[i]);
	p->indent -= 2;
	put_spaces(p);
	put_byte(p->b, '}');
}

void put_region(Printer *p, const Op *op, int i, bool with_arguments)
{
	const Region *r = op->region[i];
	Scope around = p->scope;
	bool top = p->top;
	p->scope = name_region(p, r, around, op->code == OP_while);
	p->top = false;
	PUT(p->b, "{\n");
	if (with_arguments && r->narg) {
		put_spaces(p);
		PUT(p->b, "^bb0(");
		for (int k = 0; k < r->narg; k++) {
			if (k) PUT(p->b, ", ");
			put_argument(p, r->arg + (Value)k);
		}
		PUT(p->b, "):\n");
	}
	put_body(p, r);
	p->top = top;
	p->scope = around;
}

void put_regions(Printer *p, const Op *op)
{
	for (int i = 0; i < op->nregion; i++) {
		if (i) PUT(p->b, ", ");
		put_region(p, op, i, true);
	}
}

/* -- functions ------------------------------------------------------------------------------------------- */

static bool has_members(const Any *dict, int i) { return dict && dict[i].kind == ANY_DICT && dict[i].n; }

static void put_signature(Printer *p, const Func *f, bool declared)
{
	put_byte(p->b, '(');
	for (int i = 0; i < f->narg; i++) {
		if (i) PUT(p->b, ", ");
		if (!declared) {
			put_value(p, f->body.arg + (Value)i);
			PUT(p->b, ": ");
		}
		put_type(p->b, f->arg_type[i]);
		if (has_members(f->arg_attr, i)) put_any_dict(p->b, &f->arg_attr[i]);
		if (!declared) put_argument_loc(p, f->body.arg + (Value)i);
	}
	put_byte(p->b, ')');
	if (!f->nres) return;
	bool wrap = f->nres > 1 || has_members(f->res_attr, 0);
	put_str(p->b, wrap ? " -> (" : " -> ");
	for (int i = 0; i < f->nres; i++) {
		if (i) PUT(p->b, ", ");
		put_type(p->b, f->res_type[i]);
		if (has_members(f->res_attr, i)) put_any_dict(p->b, &f->res_attr[i]);
	}
	if (wrap) put_byte(p->b, ')');
}

static void put_func(Printer *p, const Func *f)
{
	bool declared = !f->body.op.n;
	p->scope = name_region(p, &f->body, (Scope){ 0 }, false);
	p->top = true;
	put_spaces(p);
	put_str(p->b, f->is_private ? "func.func private @" : f->is_public ? "func.func public @" : "func.func @");
	put_word(p->b, f->name);
	put_signature(p, f, declared);
	if (f->extra && f->extra->n) {
		PUT(p->b, " attributes");
		put_any_dict(p->b, f->extra);
	}
	if (!declared) {
		PUT(p->b, " {\n");
		put_body(p, &f->body);
	}
	put_loc(p, f->loc);
	put_byte(p->b, '\n');
}

static void put_module(Printer *p)
{
	const Module *m = p->m;
	Buf *out = p->b;
	put_loc_table(p, true);
	PUT(out, "module");
	if (m->name) {
		PUT(out, " @");
		put_word(out, m->name);
	}
	if (m->attr.kind == ANY_DICT && m->attr.n) {
		PUT(out, " attributes");
		put_any_dict(out, &m->attr);
	}
	PUT(out, " {\n");
	p->indent = 2;
	put_meshes(p);
	for (int i = 0; i < m->func.n; i++) put_func(p, m->func.v[i]);
	put_byte(out, '}');
	put_loc(p, m->loc);
	put_byte(out, '\n');
	put_loc_table(p, false);
}

bool print_plain(const Module *m, Buf *out)
{
	Printer p = { .m = m, .b = out, .name = calloc((size_t)m->value.n + 1, sizeof(SsaName)) };
	bool ok = p.name && find_locs(&p);
	if (ok) put_module(&p);
	free(p.name);
	free(p.alias);
	free(p.met);
	if (!ok) return out->failed = true, fail(m->err, NO_MEMORY, "out of memory");
	if (!out->failed) return true;
	return fail(m->err, NO_MEMORY,
		"no text of the module: out of memory, or a constant's bytes do not fit its type");
}

bool print_module(const Module *m, Buf *out) { return m->nmesh ? print_shardy(m, out) : print_plain(m, out); }
