/* Messages, and what several commands do. */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* -- messages -------------------------------------------------------------------------------------------- */

void put_safe(FILE *to, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s, next = (unsigned char)s[1];
		bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;      /* U+0080 to U+009F */
		if ((c < 0x20 && c != '\n') || c == 0x7f) fprintf(to, "\\x%02x", c);
		else if (c1) fprintf(to, "\\x%02x", next), s++;
		else fputc(c, to);
	}
}

static void say(const char *message)
{
	progress(NULL);
	fprintf(stderr, "%s: ", tool_name);
	put_safe(stderr, message);
	fputc('\n', stderr);
}

int complain(int code, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	int n = vasprintf(&text, fmt, args);
	va_end(args);
	say(n < 0 ? "out of memory" : text);
	if (n >= 0) free(text);
	return code;
}

int report(tshlo_error *e)
{
	static const int code[] = { [TSHLO_OK] = EXIT_SYSTEM, [TSHLO_NO_MEMORY] = EXIT_SYSTEM, [TSHLO_IO] = EXIT_SYSTEM,
		[TSHLO_BAD_INPUT] = EXIT_BAD_INPUT, [TSHLO_UNSUPPORTED] = EXIT_UNSUPPORTED, [TSHLO_PLUGIN] = EXIT_PLUGIN };
	int exit_code = code[e->code];
	say(e->message ? e->message : "out of memory");
	tshlo_error_clear(e);
	return exit_code;
}

int report_plugin(tshlo_error *e)
{
	bool memory = e->code == TSHLO_OK || e->code == TSHLO_NO_MEMORY;
	int code = report(e);
	return memory ? code : EXIT_PLUGIN;
}

int print_version(void)
{
	printf("%s %s (StableHLO up to %s)\n", tool_name, tshlo_version(), tshlo_stablehlo_version());
	return finish(EXIT_GOOD);
}

int finish(int code)
{
	bool bad = ferror(stdout) != 0;
	if ((!fflush(stdout) && !bad) || code) return code;
	return complain(EXIT_SYSTEM, "standard output: cannot write: %s", strerror(errno));
}

void progress(const char *what)
{
	static const char erase[] = "\r\033[K";
	if (!isatty(STDERR_FILENO)) return;
	if (what) fprintf(stderr, "%s%s ...", erase, what);
	else fputs(erase, stderr);
	fflush(stderr);
}

/* -- files ----------------------------------------------------------------------------------------------- */

bool is_directory(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_size(const char *path, uint64_t *nbytes)
{
	struct stat st;
	if (stat(path, &st)) return false;
	*nbytes = (uint64_t)st.st_size;
	return true;
}

/* -- models ---------------------------------------------------------------------------------------------- */

/* What MLIR bytecode begins with. */
static bool is_bytecode(const char *path)
{
	char begin[4] = "";
	FILE *f = fopen(path, "rb");
	bool is = f && fread(begin, 1, sizeof begin, f) == sizeof begin && !memcmp(begin, "ML\xefR", sizeof begin);
	if (f) fclose(f);
	return is;
}

const char *stablehlo_kind(const char *path)
{
	size_t n = strlen(path);
	struct stat st;
	if (stat(path, &st) != 0 || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))) return NULL;
	if (S_ISDIR(st.st_mode)) return "a directory";
	if (is_bytecode(path)) return "StableHLO bytecode";
	return n > 5 && !strcmp(path + n - 5, ".mlir") ? "StableHLO text" : NULL;
}

int check_stablehlo(const char *command, const char *path)
{
	struct stat st;
	if (!strcmp(path, "-") || stablehlo_kind(path)) return EXIT_GOOD;
	if (stat(path, &st) != 0) return complain(EXIT_SYSTEM, "%s: %s", path, strerror(errno));
	return complain(EXIT_UNSUPPORTED, "%s: %s: is no StableHLO: neither a directory, nor bytecode, nor a .mlir file", command, path);
}

tshlo_model *open_model(const char *path, const tshlo_convert_options *opt, tshlo_error *e)
{
	if (stablehlo_kind(path)) return tshlo_load(path, e);
	return tshlo_convert(tshlo_program_open(path, e), opt, e);
}

/* A string in Python's quotes, what is no text spelled \\x.. as put_safe() does. */
static void put_quoted(FILE *to, const char *s)
{
	fputc('"', to);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\') fputc('\\', to);
		put_safe(to, (char[]){ *s, 0 });
	}
	fputc('"', to);
}

/* Whether the file has ATen overloads without a lowering, or a body that torch has vectorized but not yet written so. */
static bool lacks_ops(const char *path)
{
	tshlo_program *p = tshlo_program_open(path, NULL);
	const char *name;
	int count;
	bool lacks = false;
	for (int i = 0; !lacks && tshlo_program_op(p, i, &name, &count); i++)
		lacks = (!strncmp(name, "aten.", 5) || strstr(name, "_functorch.predispatch")) && !tshlo_op_supported(name);
	tshlo_program_free(p);
	return lacks;
}

int report_open(const char *path, tshlo_error *e)
{
	bool advise = e->code == TSHLO_UNSUPPORTED && !stablehlo_kind(path) && lacks_ops(path);
	int code = report(e);
	if (!advise) return code;
	fprintf(stderr, "%s: where torch can take such ops apart, this Python does it and converts: "
		"import torch, torch_stablehlo; torch_stablehlo.save_as_stablehlo(torch.export.load(", tool_name);
	put_quoted(stderr, path);
	fputs("), \"stablehlo_dir\")\n", stderr);
	return code;
}

char *method_list(const tshlo_model *m)
{
	char *list = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&list, &n);
	for (int i = 0; f && i < tshlo_nmethods(m); i++) fprintf(f, "%s%s", i ? ", " : "", tshlo_method(m, i));
	if (f && !fclose(f)) return list;
	free(list);
	return NULL;
}

int check_method(const tshlo_model *m, const char *method)
{
	if (tshlo_ninputs(m, method) >= 0) return EXIT_GOOD;
	char *list = method_list(m);
	if (!list) return complain(EXIT_SYSTEM, "out of memory");
	int code = method ? complain(EXIT_BAD_INPUT, "there is no method '%s'; there are: %s", method, list)
	                  : complain(EXIT_BAD_INPUT, "there is more than one method, name it with --method: %s", list);
	free(list);
	return code;
}

const char *type_text(const tshlo_tensor *t, const tshlo_program *p, char *text, size_t room)
{
	size_t n = (size_t)snprintf(text, room, "%s[", tshlo_dtype_name(t->dtype));
	for (int i = 0; i < t->rank && n + 2 < room; i++) {
		const char *symbol = t->dims[i] < 0 ? tshlo_program_size(p, t->dims[i]) : "", *comma = i ? "," : "";
		if (t->dims[i] >= 0) n += (size_t)snprintf(text + n, room - n, "%s%lld", comma, (long long)t->dims[i]);
		else n += (size_t)snprintf(text + n, room - n, "%s%s", comma, *symbol ? symbol : "?");
	}
	if (n + 1 < room) snprintf(text + n, room - n, "]");
	return text;
}

size_t count_of(const tshlo_tensor *t)
{
	size_t n = 1;
	for (int i = 0; i < t->rank; i++) n *= (size_t)t->dims[i];
	return n;
}

double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
