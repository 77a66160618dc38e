/* Time to convert graphs of 25,000 to 200,000 nodes, given call by call: nodes [MOST]. A line per size: nodes, milliseconds to give the graph,
 * to convert it and to write its bytecode, and microseconds a node; linear in nodes when the last column stays the same. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "torch_stablehlo.h"

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static const int64_t dims[] = { 8, 64 }, strides[] = { 64, 1 };

static int tensor(tshlo_program *p, const char *name)
{
	return tshlo_value_tensor(p, name, tshlo_dtype_by_name("float32"), 2, dims, strides, 0);
}

static int output(tshlo_program *p, int i)
{
	char name[32];
	snprintf(name, sizeof name, "v%d", i);
	int v = tensor(p, name);
	tshlo_node_output(p, v);
	return v;
}

/* x = tanh(x); x = x * y; x = softmax(x); x = x + i: of these a graph is repeated. No two nodes are the same, so that nothing is shared. */
static int node(tshlo_program *p, int i, int x, int y)
{
	static const char *const target[] = { "aten.tanh.default", "aten.mul.Tensor", "aten.softmax.int", "aten.add.Tensor" };
	tshlo_node(p, target[i % 4], NULL, "File \"model.py\", line 7, in forward", NULL);
	tshlo_arg_value(p, "self", x);
	if (i % 4 == 1) tshlo_arg_value(p, "other", y);
	if (i % 4 == 2) tshlo_arg_int(p, "dim", -1);
	if (i % 4 == 3) tshlo_arg_float(p, "other", i);
	return output(p, i);
}

static tshlo_program *graph(int nodes, tshlo_error *e)
{
	tshlo_program *p = tshlo_program_new(e);
	int x = tensor(p, "x"), y = x;
	tshlo_input(p, TSHLO_INPUT_USER, "x", NULL, false, x);
	for (int i = 0; i < nodes; i++) {
		int z = node(p, i, x, y);
		y = x;
		x = z;
	}
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, x);
	return p;
}

static int measure(int nodes)
{
	tshlo_error e = { 0 };
	size_t n;
	double t0 = now();
	tshlo_program *p = graph(nodes, &e);
	double t1 = now();
	tshlo_model *m = tshlo_convert(p, NULL, &e);
	double t2 = now();
	tshlo_bytecode(m, NULL, NULL, &n, &e);
	double t3 = now();
	tshlo_model_free(m);
	if (e.code) return fprintf(stderr, "%s\n", e.message), 1;
	printf("%8d %9.1f %9.1f %9.1f %9.3f\n", nodes, t1 - t0, t2 - t1, t3 - t2, 1e3 * (t2 - t1) / nodes);
	return 0;
}

int main(int argc, char **argv)
{
	int most = argc > 1 ? atoi(argv[1]) : 200000;
	puts("   nodes   give ms   convert  bytecode   us/node");
	for (int n = 25000; n <= most; n *= 2)
		if (measure(n)) return 1;
	return 0;
}
