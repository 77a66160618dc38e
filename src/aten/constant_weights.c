/* Which weights become constants of the module. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "aten/lower.h"

/* "4096", "64KiB", "64K", "1MiB": so many bytes at most; false: it is a pattern of names. */
static bool read_size(const char *s, uint64_t *out)
{
	static const char *const unit[] = { "K", "KiB", "M", "MiB", "G", "GiB" };
	char *end;
	if (*s < '0' || *s > '9') return false;
	*out = strtoull(s, &end, 10);
	for (int i = 0; i < 6; i++)
		if (!strcmp(end, unit[i])) return !__builtin_mul_overflow(*out, 1ull << 10 * (i / 2 + 1), out);
	return !*end || !strcmp(end, "B");
}

static bool selects(const char *which, const char *name, uint64_t nbytes)
{
	uint64_t most;
	return read_size(which, &most) ? nbytes <= most : !fnmatch(which, name, 0);
}

static bool is_written(const Program *p, const char *target)
{
	for (int i = 0; i < p->noutput; i++) {
		OutputKind k = p->output[i].kind;
		if ((k == OUTPUT_BUFFER_MUTATION || k == OUTPUT_PARAMETER_MUTATION) && !strcmp(p->output[i].target, target)) return true;
	}
	return false;
}

bool is_inlined(const Program *p, const Tensor *t, const char *target, const LowerOptions *opt)
{
	bool any = opt->inline_weights;
	uint64_t nbytes = (uint64_t)tensor_numel(t) * dtype_nbytes(t->dtype);
	for (int i = 0; i < opt->ninlined && !any; i++) any = selects(opt->inlined[i], target, nbytes);
	return any && !is_written(p, target);
}

const char *unmatched_inline(const Program *p, const LowerOptions *opt)
{
	for (int i = 0; i < opt->ninlined; i++) {
		uint64_t size;
		bool any = read_size(opt->inlined[i], &size);
		for (int k = 0; k < p->ninput && !any; k++)
			any = p->input[k].kind != INPUT_USER && p->input[k].target && !fnmatch(opt->inlined[i], p->input[k].target, 0);
		if (!any) return opt->inlined[i];
	}
	return NULL;
}
