/* inspect --json: one object on one line; docs/cli.md tells its members. */
#include <string.h>

#include "inspect.h"
#include "json.h"

/* -- what is in it --------------------------------------------------------------------------------------- */

static void put_type(const Inspection *x, Object *o, const tshlo_value_info *v)
{
	member_or_null(o, "dtype", v->type.dtype ? tshlo_dtype_name(v->type.dtype) : NULL);
	key(o, "shape");
	if (!v->type.dtype) {
		fputs("null", stdout);
		return;
	}
	Object shape = open_with('[');
	for (int i = 0; i < v->type.rank; i++) {
		int64_t d = v->type.dims[i];
		const char *symbol = d < 0 ? tshlo_program_size(x->program, d) : "";
		item(&shape);
		if (d >= 0) printf("%lld", (long long)d);
		else if (*symbol) put_string(symbol);
		else fputs("null", stdout);
	}
	putchar(']');
}

static void put_inputs(const Inspection *x, Object *o, const Function *f)
{
	key(o, "inputs");
	Object list = open_with('[');
	for (int i = 0; i < f->nin; i++) {
		item(&list);
		Object v = open_with('{');
		member_or_null(&v, "name", f->in[i].name);
		key(&v, "position"), f->in[i].position < 0 ? fputs("null", stdout) : printf("%d", f->in[i].position);
		put_type(x, &v, &f->in[i]);
		putchar('}');
	}
	putchar(']');
}

static void put_outputs(const Inspection *x, Object *o, const Function *f)
{
	key(o, "outputs");
	Object list = open_with('[');
	for (int i = 0; i < f->nout; i++) {
		item(&list);
		Object v = open_with('{');
		member(&v, "kind", output_kind(f->out[i].output));
		member_or_null(&v, "name", f->out[i].name);
		put_type(x, &v, &f->out[i]);
		putchar('}');
	}
	putchar(']');
}

static void put_weights(Object *o, const char *name, const Weights *w)
{
	key(o, name);
	Object v = open_with('{');
	number(&v, "count", (uint64_t)w->count);
	number(&v, "elements", w->elements);
	number(&v, "nbytes", w->nbytes);
	putchar('}');
}

static void put_all_weights(Object *o, const Function *f)
{
	put_weights(o, "parameters", &f->parameters);
	put_weights(o, "buffers", &f->buffers);
	put_weights(o, "constants", &f->constants);
	key(o, "weights_by_dtype");
	Object by_type = open_with('{');
	for (int i = 0; i < f->ntype; i++) put_weights(&by_type, tshlo_dtype_name(f->type[i].dtype), &f->type[i].w);
	putchar('}');
}

static void put_functions(const Inspection *x, Object *o)
{
	key(o, "functions");
	Object list = open_with('[');
	for (int i = 0; i < x->nfunction; i++) {
		const Function *f = &x->function[i];
		item(&list);
		Object v = open_with('{');
		member(&v, "name", f->name);
		member_or_null(&v, "stablehlo_version", f->version);
		if (is_directory(x->path)) number(&v, "bytecode_nbytes", f->bytecode_nbytes), number(&v, "text_nbytes", f->text_nbytes);
		put_inputs(x, &v, f);
		put_outputs(x, &v, f);
		put_all_weights(&v, f);
		putchar('}');
	}
	putchar(']');
}

static void put_ops(const Inspection *x, Object *o)
{
	number(o, "nodes", (uint64_t)x->nnode);
	key(o, "ops");
	Object list = open_with('[');
	for (int i = 0; i < x->nop; i++) {
		item(&list);
		Object v = open_with('{');
		member(&v, "name", x->op[i].name);
		number(&v, "count", (uint64_t)x->op[i].count);
		putchar('}');
	}
	putchar(']');
}

void print_json(const Inspection *x)
{
	Object o = open_with('{');
	member(&o, "path", x->path);
	bool file = !is_directory(x->path);
	member(&o, "kind", x->program ? "program" : file ? stablehlo_kind(x->path) + strlen("StableHLO ") : "directory");
	if (file) number(&o, "nbytes", x->nbytes);
	if (x->program) {
		member_or_null(&o, "torch_version", tshlo_program_torch_version(x->program));
		number(&o, "samples", x->nsample < 0 ? 0 : (uint64_t)x->nsample);
		member_or_null(&o, "samples_unreadable", x->no_samples);
		member_or_null(&o, "not_convertible", x->why_not);
	}
	put_functions(x, &o);
	if (x->program) put_ops(x, &o);
	puts("}");
}
