#include "api/test/programs.h"

static const float stored_w[6] = { 1, 4, 2, 5, 3, 6 }, b[3] = { 10, 20, 30 };
const float affine_x[6] = { 1, 1, 1, 1, 1, 1 }, affine_z[3] = { 7, 8, 9 };
const float affine_r[9] = { 21, 42, 63, 24, 45, 66, 7, 8, 9 };      /* worked out by hand */
const int64_t affine_dims[2] = { 2, 3 }, affine_z_dims[2] = { 1, 3 };

int value(tshlo_program *p, const char *name, int rank, const int64_t *dims)
{
	return tshlo_value_tensor(p, name, F32, rank, dims, NULL, 0);
}

int call(tshlo_program *p, const char *target, int self, int other, int rank, const int64_t *dims)
{
	int y = value(p, target, rank, dims);
	tshlo_node(p, target, target, "File \"model.py\", line 7, in forward\n", NULL);
	tshlo_arg_value(p, "self", self);
	if (other) tshlo_arg_value(p, "other", other);
	tshlo_node_output(p, y);
	return y;
}

static void affine_inputs(tshlo_program *p, int w, int bias, int x, int z)
{
	tshlo_weight(p, "layer.w", F32, 2, affine_dims, (int64_t[]){ 1, 2 }, 0, stored_w, sizeof stored_w);
	tshlo_weight(p, "layer.b", F32, 1, (int64_t[]){ 3 }, (int64_t[]){ 1 }, 0, b, sizeof b);
	tshlo_input(p, TSHLO_INPUT_PARAMETER, "p_layer_w", "layer.w", false, w);
	tshlo_input(p, TSHLO_INPUT_BUFFER, "b_layer_b", "layer.b", true, bias);
	tshlo_input(p, TSHLO_INPUT_USER, "x", NULL, false, x);
	tshlo_input(p, TSHLO_INPUT_USER, "n", NULL, false, 0);
	tshlo_arg_int(p, NULL, 3);
	tshlo_input(p, TSHLO_INPUT_USER, "z", NULL, false, z);
}

tshlo_program *affine(tshlo_error *e)
{
	tshlo_program *p = tshlo_program_new(e);
	int w = value(p, "p_layer_w", 2, affine_dims), bias = value(p, "b_layer_b", 1, (int64_t[]){ 3 });
	int x = value(p, "x", 2, affine_dims), z = value(p, "z", 2, affine_z_dims);
	affine_inputs(p, w, bias, x, z);
	int xw = call(p, "aten.mul.Tensor", x, w, 2, affine_dims);
	int y = call(p, "aten.add.Tensor", xw, bias, 2, affine_dims);
	tshlo_arg_int(p, "alpha", 2);
	int r = value(p, "r", 2, (int64_t[]){ 3, 3 });
	tshlo_node(p, "aten.cat.default", "cat", NULL, NULL);
	tshlo_arg_list_begin(p, "tensors");
	tshlo_arg_value(p, NULL, y);
	tshlo_arg_value(p, NULL, z);
	tshlo_arg_list_end(p);
	tshlo_node_output(p, r);
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, r);
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, 0);
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, y);
	tshlo_specs(p, "[1, \"in\"]", "[1, \"out\"]");
	return p;
}
