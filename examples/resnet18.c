/* A ResNet-18 from PyTorch's file to its top five classes, with no Python in the process.
 *
 *	cc resnet18.c $(pkg-config --cflags --libs torch_stablehlo) -o resnet18
 *	./resnet18 resnet18.pt2 resnet18_dir [x.npy]
 *
 * Writes the StableHLO directory resnet18_dir, then runs the model on x.npy, or on the sample inputs in the .pt2. Any classifier will
 * do that takes one image tensor and gives [batch, classes] in f32. */
#include <stdio.h>
#include <stdlib.h>
#include <torch_stablehlo.h>

/* The five largest of n scores, the best first. */
static void print_top5(const float *score, int n)
{
	int best[5], k = 0;
	for (int i = 0; i < n; i++) {
		int at = k < 5 ? k++ : score[i] > score[best[4]] ? 4 : -1;
		for (; at > 0 && score[i] > score[best[at - 1]]; at--) best[at] = best[at - 1];
		if (at >= 0) best[at] = i;
	}
	for (int i = 0; i < k; i++) printf("  class %4d  %8.4f\n", best[i], score[best[i]]);
}

static void print_scores(tshlo_device *d, tshlo_buffer *result)
{
	tshlo_tensor y;
	if (!tshlo_buffer_info(result, &y) || y.rank != 2 || y.dtype != tshlo_dtype_by_name("f32")) return;
	float *score = malloc(tshlo_buffer_nbytes(result) + 1);
	if (score && tshlo_buffer_read(result, score, tshlo_buffer_nbytes(result), NULL)) {
		for (int i = 0; i < (int)y.dims[0]; i++) {
			printf("image %d on %s\n", i, tshlo_device_name(d));
			print_top5(score + i * y.dims[1], (int)y.dims[1]);
		}
	}
	free(score);
}

int main(int argc, char **argv)
{
	if (argc < 3) return fprintf(stderr, "usage: %s resnet18.pt2 resnet18_dir [x.npy]\n", argv[0]), 2;

	tshlo_error e = { 0 };
	tshlo_tensor x = { 0 };
	tshlo_buffer *y = NULL;
	tshlo_program *p = tshlo_program_open(argv[1], &e);
	tshlo_npy *file = argc > 3 ? tshlo_npy_open(argv[3], &x, &e) : NULL;
	if (!file && tshlo_program_samples(p, NULL, &e) == 1) tshlo_program_samples(p, &x, &e);

	/* Each step does nothing when one before it failed, so one look at the error at the end is enough. */
	tshlo_model *m = tshlo_convert(p, NULL, &e);
	if (tshlo_save(m, argv[2], NULL, &e)) printf("%s: StableHLO %s\n", argv[2], tshlo_bytecode_version(m, NULL, &e));
	tshlo_device *d = m ? tshlo_device_open(NULL, 0, &e) : NULL;
	tshlo_runner *r = tshlo_compile(m, NULL, d, &e);
	if (tshlo_run(r, &x, 1, &y, &e)) print_scores(d, y);
	if (e.code) fprintf(stderr, "%s: %s\n", argv[0], e.message);
	int failed = e.code != TSHLO_OK;

	tshlo_buffer_free(y);
	tshlo_runner_free(r);
	tshlo_device_close(d);
	tshlo_model_free(m);
	tshlo_npy_close(file);
	tshlo_error_clear(&e);
	return failed;
}
