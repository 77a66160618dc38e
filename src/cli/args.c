/* The command line's grammar: --name, --name=value, --name value, -n value, -nvalue, in any order; after "--"
 * only operands. */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char exit_codes_help[] =
	"Exit codes:\n"
	"  0  done\n"
	"  1  bad input: a file, program, name or tensor is not as it should be\n"
	"  2  wrong usage of the command line\n"
	"  3  unsupported: right, but it cannot be done; all missing ops are listed\n"
	"  4  the system said no: files, directories, disk space, memory\n"
	"  5  the plugin: missing, of another version, or it failed to compile or run\n"
	"  6  verify only: results differ from --expect\n";

/* -- help ------------------------------------------------------------------------------------------------ */

static void print_option(const Option *o)
{
	char left[64];
	char letter[] = { '-', o->letter, ',', 0 };
	int n = snprintf(left, sizeof left, "%-3s --%s", o->letter ? letter : "", o->name);
	if (o->value) snprintf(left + n, sizeof left - (size_t)n, " %s", o->value);
	printf("  %-26s", left);
	for (const char *s = o->help, *end; ; s = end + 1) {
		end = strchr(s, '\n');
		printf("%.*s\n", end ? (int)(end - s) : (int)strlen(s), s);
		if (!end) return;
		printf("%28s", "");
	}
}

void print_command_help(const Command *c)
{
	printf("usage: torch-stablehlo %s [options] %s\n\n%s\n\n", c->name, c->operand, c->summary);
	for (const Option *o = c->option; o->name; o++) print_option(o);
	print_option(&(Option){ "help", 'h', OPTION_FLAG, 0, NULL, "this text" });
	printf("\n%s\n%s", c->notes, exit_codes_help);
}

/* -- parsing --------------------------------------------------------------------------------------------- */

typedef struct Parser {
	const Command *c;
	int argc, at;
	char **argv;
	Args *a;
} Parser;

static int wrong(const Parser *p, const char *what, const char *about)
{
	return complain(EXIT_USAGE, "%s: %s%s; see 'torch-stablehlo %s --help'", p->c->name, what, about, p->c->name);
}

static const Option help_option = { "help", 'h', OPTION_FLAG, offsetof(Args, help), NULL, "" };

static const Option *by_name(const Command *c, const char *name, size_t n)
{
	for (const Option *o = c->option; o->name; o++)
		if (strlen(o->name) == n && !memcmp(o->name, name, n)) return o;
	return n == 4 && !memcmp(name, "help", n) ? &help_option : NULL;
}

static const Option *by_letter(const Command *c, char letter)
{
	for (const Option *o = c->option; o->name; o++)
		if (o->letter == letter) return o;
	return letter == 'h' ? &help_option : NULL;
}

static bool read_count(const char *s, int64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoll(s, &end, 10);
	return end != s && !*end && !errno && *out > 0;
}

static bool read_number(const char *s, double *out)
{
	char *end;
	*out = strtod(s, &end);
	return end != s && !*end && isfinite(*out) && *out >= 0;
}

/* Puts the value where the option wants it. spelled: as the user wrote the option. */
static int set(Parser *p, const Option *o, const char *spelled, const char *value)
{
	char *field = (char *)p->a + o->at;
	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)(void *)field = true;
		return EXIT_GOOD;
	case OPTION_ONE:
		if (*(const char **)(void *)field) return wrong(p, "given twice: ", spelled);
		*(const char **)(void *)field = value;
		return EXIT_GOOD;
	case OPTION_MANY: {
		Strings *s = (Strings *)(void *)field;
		if (!s->v) s->v = calloc((size_t)p->argc, sizeof *s->v);
		if (!s->v) return complain(EXIT_SYSTEM, "out of memory");
		s->v[s->n++] = value;
		return EXIT_GOOD;
	}
	case OPTION_COUNT:
		if (read_count(value, (int64_t *)(void *)field)) return EXIT_GOOD;
		return complain(EXIT_USAGE, "%s: %s is '%s', wanted a number from 1 on", p->c->name, spelled, value);
	case OPTION_NUMBER:
		if (read_number(value, (double *)(void *)field)) return EXIT_GOOD;
		return complain(EXIT_USAGE, "%s: %s is '%s', wanted a number from 0 on", p->c->name, spelled, value);
	}
	return EXIT_USAGE;
}

/* An option without its value must not swallow the next option: a value that starts with "--" is written
 * after '='. */
static int set_from(Parser *p, const Option *o, const char *spelled, const char *attached)
{
	if (o->kind == OPTION_FLAG) return attached ? wrong(p, "takes no value: ", spelled) : set(p, o, spelled, NULL);
	if (attached) return set(p, o, spelled, attached);
	if (p->at == p->argc || !strncmp(p->argv[p->at], "--", 2)) return wrong(p, "needs a value: ", spelled);
	return set(p, o, spelled, p->argv[p->at++]);
}

static int parse_long(Parser *p, char *arg)
{
	char *equals = strchr(arg, '=');
	const Option *o = by_name(p->c, arg + 2, equals ? (size_t)(equals - arg - 2) : strlen(arg + 2));
	if (!o) return wrong(p, "no such option: ", arg);
	char spelled[64];
	snprintf(spelled, sizeof spelled, "--%s", o->name);
	return set_from(p, o, spelled, equals ? equals + 1 : NULL);
}

static int parse_short(Parser *p, const char *arg)
{
	const Option *o = by_letter(p->c, arg[1]);
	if (!o || (o->kind == OPTION_FLAG && arg[2])) return wrong(p, "no such option: ", arg);
	return set_from(p, o, (char[]){ '-', o->letter, 0 }, arg[2] ? arg + 2 : NULL);
}

static int parse_operand(Parser *p, const char *arg)
{
	if (p->a->file) return wrong(p, "one file is wanted, and here is another: ", arg);
	p->a->file = arg;
	return EXIT_GOOD;
}

int args_parse(const Command *c, int argc, char **argv, Args *a)
{
	*a = (Args){ .rtol = 1e-4, .atol = 1e-5 };
	Parser p = { .c = c, .argc = argc, .argv = argv, .a = a };
	bool only_operands = false;
	while (p.at < argc) {
		char *arg = argv[p.at++];
		int code = EXIT_GOOD;
		if (only_operands || arg[0] != '-' || !arg[1]) code = parse_operand(&p, arg);
		else if (!strcmp(arg, "--")) only_operands = true;
		else code = arg[1] == '-' ? parse_long(&p, arg) : parse_short(&p, arg);
		if (code) return code;
	}
	return a->help || a->file ? EXIT_GOOD : wrong(&p, "no file is given: wanted ", c->operand);
}

void args_free(Args *a)
{
	free(a->input.v);
	free(a->output.v);
	free(a->expect.v);
}
