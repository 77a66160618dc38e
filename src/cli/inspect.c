/* torch-stablehlo inspect: what is in a program, a directory or a SavedModel. */
#include "inspect.h"

#include <stdlib.h>
#include <string.h>

/* -- finding out: functions ------------------------------------------------------------------------------ */

typedef bool ValueAt(const Inspection *x, const char *method, int i, tshlo_value_info *out);

static bool input_at(const Inspection *x, const char *method, int i, tshlo_value_info *out)
{
	return x->program ? tshlo_program_input(x->program, i, out) : tshlo_input_info(x->model, method, i, out);
}

static bool output_at(const Inspection *x, const char *method, int i, tshlo_value_info *out)
{
	return x->program ? tshlo_program_output(x->program, i, out) : tshlo_output_info(x->model, method, i, out);
}

static int count_values(const Inspection *x, const char *method, ValueAt *at)
{
	tshlo_value_info v;
	int n = 0;
	while (at(x, method, n, &v)) n++;
	return n;
}

static void add_weight(Weights *w, const tshlo_value_info *v)
{
	w->count++;
	w->elements += tshlo_dtype_nbytes(v->type.dtype) ? v->nbytes / tshlo_dtype_nbytes(v->type.dtype) : 0;
	w->nbytes += v->nbytes;
}

/* f->type has room for one more. */
static void add_by_type(Function *f, const tshlo_value_info *v)
{
	int i = 0;
	while (i < f->ntype && f->type[i].dtype != v->type.dtype) i++;
	if (i == f->ntype) f->type[f->ntype++].dtype = v->type.dtype;
	add_weight(&f->type[i].w, v);
}

static void add_input(Function *f, const tshlo_value_info *v)
{
	switch (v->input) {
	case TSHLO_INPUT_PARAMETER:       add_weight(&f->parameters, v); break;
	case TSHLO_INPUT_BUFFER:          add_weight(&f->buffers, v); break;
	case TSHLO_INPUT_CONSTANT_TENSOR: add_weight(&f->constants, v); break;
	default:                          f->in[f->nin++] = *v; return;
	}
	add_by_type(f, v);
}

static bool fill_function(const Inspection *x, Function *f, const char *name)
{
	tshlo_value_info v;
	size_t nin = (size_t)count_values(x, name, input_at) + 1, nout = (size_t)count_values(x, name, output_at) + 1;
	f->name = name;
	f->version = "";
	f->in = calloc(nin, sizeof *f->in);
	f->out = calloc(nout, sizeof *f->out);
	f->type = calloc(nin, sizeof *f->type);
	if (!f->in || !f->out || !f->type) return false;
	for (int i = 0; input_at(x, name, i, &v); i++) add_input(f, &v);
	for (; output_at(x, name, f->nout, &v); f->nout++) f->out[f->nout] = v;
	return true;
}

/* -- finding out: programs and directories --------------------------------------------------------------- */

/* Stable: ops with the same count stay in the order of their first use. */
static void sort_ops(Inspection *x)
{
	for (int i = 1; i < x->nop; i++) {
		Op op = x->op[i];
		int k = i;
		for (; k > 0 && x->op[k - 1].count < op.count; k--) x->op[k] = x->op[k - 1];
		x->op[k] = op;
	}
}

static bool find_ops(Inspection *x)
{
	Op op;
	for (; tshlo_program_op(x->program, x->nop, &op.name, &op.count); x->nop++) {
		Op *more = realloc(x->op, ((size_t)x->nop + 1) * sizeof *more);
		if (!more) return false;
		x->nnode += op.count;
		x->op = more;
		more[x->nop] = op;
	}
	sort_ops(x);
	return true;
}

/* The version that a program needs, or why it has none, is known by converting a second copy of it. */
static bool try_to_convert(Inspection *x, tshlo_error *e)
{
	tshlo_error why = { 0 };
	tshlo_model *m = tshlo_convert(tshlo_program_open(x->path, &why), NULL, &why);
	const char *version = tshlo_bytecode_version(m, NULL, &why);
	if (version) x->version = strdup(version);
	tshlo_model_free(m);
	if (why.code == TSHLO_NO_MEMORY) *e = why;
	else x->failure = why.message, x->why_not = why.message;
	return e->code == TSHLO_OK && (x->version || x->failure);
}

static bool look_at_program(Inspection *x, tshlo_error *e)
{
	x->program = tshlo_program_open(x->path, e);
	if (!x->program || !file_size(x->path, &x->nbytes)) return false;
	x->nsample = tshlo_program_samples(x->program, NULL, e);
	if (x->nsample < 0) {
		if (e->code == TSHLO_NO_MEMORY) return false;
		x->no_samples = e->message;
		*e = (tshlo_error){ 0 };
	}
	x->function = calloc(1, sizeof *x->function);
	if (!x->function || !find_ops(x) || !try_to_convert(x, e)) return false;
	x->nfunction = 1;
	if (!fill_function(x, x->function, "forward")) return false;
	x->function->version = x->version ? x->version : "";
	return true;
}

static size_t nbytes_of(const char *dir, const char *function, const char *ending)
{
	uint64_t n = 0;
	char *path;
	if (asprintf(&path, "%s/functions/%s%s", dir, function, ending) < 0) return 0;
	if (!file_size(path, &n)) n = 0;
	free(path);
	return (size_t)n;
}

static bool look_at_directory(Inspection *x, tshlo_error *e)
{
	x->model = tshlo_load(x->path, e);
	int n = tshlo_nmethods(x->model);
	x->function = calloc((size_t)n + 1, sizeof *x->function);
	if (!x->model || !x->function || !file_size(x->path, &x->nbytes)) return false;
	for (; x->nfunction < n; x->nfunction++) {
		Function *f = &x->function[x->nfunction];
		const char *name = tshlo_method(x->model, x->nfunction);
		if (!fill_function(x, f, name)) return false;
		f->version = tshlo_bytecode_version(x->model, name, e);
		if (!f->version) return false;
		if (!is_directory(x->path)) continue;
		f->text_nbytes = nbytes_of(x->path, name, ".mlir");
		f->bytecode_nbytes = nbytes_of(x->path, name, ".bytecode");
	}
	return true;
}

static void inspection_free(Inspection *x)
{
	for (int i = 0; x->function && i < x->nfunction + 1; i++) {
		if (i == x->nfunction && x->program) break;
		free(x->function[i].in);
		free(x->function[i].out);
		free(x->function[i].type);
	}
	free(x->function);
	free(x->op);
	free(x->version);
	tshlo_error_clear(&(tshlo_error){ TSHLO_BAD_INPUT, x->failure });
	tshlo_error_clear(&(tshlo_error){ TSHLO_BAD_INPUT, x->no_samples });
	tshlo_program_free(x->program);
	tshlo_model_free(x->model);
}

/* -- telling --------------------------------------------------------------------------------------------- */

const char *output_kind(tshlo_output_kind k)
{
	switch (k) {
	case TSHLO_OUTPUT_USER:                return "user";
	case TSHLO_OUTPUT_LOSS:                return "loss";
	case TSHLO_OUTPUT_BUFFER_MUTATION:     return "buffer mutation";
	case TSHLO_OUTPUT_PARAMETER_MUTATION:  return "parameter mutation";
	case TSHLO_OUTPUT_USER_INPUT_MUTATION: return "user input mutation";
	case TSHLO_OUTPUT_GRAD_TO_PARAMETER:   return "gradient of parameter";
	case TSHLO_OUTPUT_GRAD_TO_USER_INPUT:  return "gradient of input";
	default:                               return "token";
	}
}

static void field(const char *name) { printf("  %-16s", name); }

void put_bytes(uint64_t n)
{
	printf("%llu byte%s", (unsigned long long)n, n == 1 ? "" : "s");
	if (n >= 1000000) printf(" (%.1f MB)", 1e-6 * (double)n);
}

static void put_values(const Inspection *x, const char *title, const tshlo_value_info *v, int n, bool input)
{
	char text[TYPE_TEXT];
	int width = 0;
	for (int i = 0; i < n; i++)
		if ((int)strlen(v[i].name) > width) width = (int)strlen(v[i].name);
	printf("\n%s: %d\n", title, n);
	for (int i = 0, user = 0; i < n; i++) {
		bool plain = input || v[i].output == TSHLO_OUTPUT_USER;
		if (plain) printf("  %-4d", input && v[i].position >= 0 ? v[i].position : user++);
		else printf("  %-4s", "");
		put_safe(stdout, v[i].name);
		printf("%*s%s", width - (int)strlen(v[i].name) + (width ? 2 : 0), "",
			v[i].type.dtype ? type_text(&v[i].type, x->program, text, sizeof text) : "no tensor");
		printf("%s%s\n", plain ? "" : "  ", plain ? "" : output_kind(v[i].output));
	}
}

static void put_weights(const char *name, const Weights *w)
{
	if (!w->count) return;
	printf("  %-12s%6d tensor%s  %12llu element%s  ", name, w->count, w->count == 1 ? " " : "s",
		(unsigned long long)w->elements, w->elements == 1 ? " " : "s");
	put_bytes(w->nbytes);
	putchar('\n');
}

static void put_function(const Inspection *x, const Function *f)
{
	put_values(x, "inputs", f->in, f->nin, true);
	put_values(x, "outputs", f->out, f->nout, false);
	printf("\nweights: %d\n", f->parameters.count + f->buffers.count + f->constants.count);
	put_weights(x->program ? "parameters" : "state dict", &f->parameters);
	put_weights("buffers", &f->buffers);
	put_weights("constants", &f->constants);
	for (int i = 0; i < f->ntype; i++) put_weights(tshlo_dtype_name(f->type[i].dtype), &f->type[i].w);
}

static void put_ops(const Inspection *x, bool all)
{
	int n = all || x->nop <= 14 ? x->nop : 12;
	printf("\nops: %d of %d kinds\n", x->nnode, x->nop);
	for (int i = 0; i < n; i++) {
		printf("  %6d  ", x->op[i].count);
		put_safe(stdout, x->op[i].name);
		putchar('\n');
	}
	if (n < x->nop) printf("          and %d kinds more, shown by --ops\n", x->nop - n);
}

static void print_program(const Inspection *x, bool all_ops)
{
	const char *torch = tshlo_program_torch_version(x->program);
	field("kind"), puts("exported program (.pt2)");
	field("size"), put_bytes(x->nbytes), putchar('\n');
	field("written by"), fputs(*torch ? "torch " : "unknown", stdout), put_safe(stdout, torch), putchar('\n');
	field("sample inputs");
	if (x->nsample >= 0) printf("%d\n", x->nsample);
	else fputs("cannot be read: ", stdout), put_safe(stdout, x->no_samples), putchar('\n');
	field("StableHLO");
	if (x->why_not) fputs("cannot be converted: ", stdout), put_safe(stdout, x->why_not), putchar('\n');
	else printf("needs version %s\n", x->function->version);
	put_function(x, x->function);
	put_ops(x, all_ops);
}

static void print_directory(const Inspection *x)
{
	bool file = !is_directory(x->path);
	field("kind"), puts(file ? stablehlo_kind(x->path) : "StableHLO directory");
	if (file) field("size"), put_bytes(x->nbytes), putchar('\n');
	else field("functions"), printf("%d\n", x->nfunction);
	for (int i = 0; i < x->nfunction; i++) {
		const Function *f = &x->function[i];
		fputs("\nfunction ", stdout), put_safe(stdout, f->name), putchar('\n');
		field("StableHLO"), printf("%s version %s\n", file ? "needs" : "saved as", f->version);
		if (!file) field("bytecode"), put_bytes(f->bytecode_nbytes), putchar('\n');
		if (!file) field("text"), put_bytes(f->text_nbytes), putchar('\n');
		put_function(x, f);
	}
}

static int inspect(const Args *a)
{
	Inspection x = { .path = a->file };
	tshlo_error e = { 0 };
	int code = EXIT_GOOD;
	if (is_saved_model(a->file)) return inspect_saved_model(a);
	if (!(stablehlo_kind(a->file) ? look_at_directory(&x, &e) : look_at_program(&x, &e))) code = report(&e);
	else if (a->json) print_json(&x);
	else {
		put_safe(stdout, a->file), putchar('\n');
		if (x.program) print_program(&x, a->ops);
		else print_directory(&x);
	}
	inspection_free(&x);
	return code;
}

static const Option options[] = {
	{ "ops",  0, OPTION_FLAG, offsetof(Args, ops),  NULL, "all ops of a program, not only the most frequent" },
	{ "json", 0, OPTION_FLAG, offsetof(Args, json), NULL, "the same, and all ops, as JSON" },
	{ 0 },
};

const Command inspect_command = { .name = "inspect", .operand = "X.pt2|DIR|X.mlir[.bc]", .run = inspect, .option = options,
	.summary = "tell what is in a program, a directory or a SavedModel",
	.notes = "Inputs, outputs, weights, ops by count, sizes and versions. A program that\n"
		"cannot be converted is shown as well, with the reason; the exit code is 0.\n"
		"Of a TensorFlow SavedModel: tags, signatures, StableHLO functions, variables.\n" };
