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
	"  6  verify: results differ from --expect; diff: what is compared differs\n";

/* -- help ------------------------------------------------------------------------------------------------ */

enum { HELP_COLUMN = 28 };

static void print_option(const Option *o)
{
	char left[64];
	char letter[] = { '-', o->letter, ',', 0 };
	int n = snprintf(left, sizeof left, "  %-3s --%s", o->letter ? letter : "", o->name);
	if (o->value) n += snprintf(left + n, sizeof left - (size_t)n, o->kind == OPTION_MAYBE ? "[=%s]" : " %s", o->value);
	printf("%s", left);
	if (n >= HELP_COLUMN) putchar('\n'), n = 0;
	for (const char *s = o->help, *end; ; s = end + 1, n = 0) {
		end = strchr(s, '\n');
		printf("%*s%.*s\n", HELP_COLUMN - n, "", end ? (int)(end - s) : (int)strlen(s), s);
		if (!end) return;
	}
}

void print_command_help(const Command *c)
{
	const char *space = *c->name ? " " : "";
	printf("usage: %s%s%s [options] %s\n\n%s\n\n", tool_name, space, c->name, c->operand, c->summary);
	for (const Option *o = c->option; o->name; o++) print_option(o);
	if (c->shared_title) printf("%s\n", c->shared_title);
	for (const Option *o = c->shared; o && o->name; o++) print_option(o);
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

static const char *colon(const Parser *p) { return *p->c->name ? ": " : ""; }

static int wrong(const Parser *p, const char *what, const char *about)
{
	const char *name = p->c->name, *space = *name ? " " : "";
	return complain(EXIT_USAGE, "%s%s%s%s; see '%s%s%s --help'", name, colon(p), what, about, tool_name, space, name);
}

static int wrong_number(const Parser *p, const char *spelled, const char *value, int first)
{
	return complain(EXIT_USAGE, "%s%s%s is '%s', wanted a number from %d on", p->c->name, colon(p), spelled, value, first);
}

static const Option help_option = { "help", 'h', OPTION_FLAG, offsetof(Args, help), NULL, "" };

/* s[0..n), a '_' being a '-' */
static bool is_spelled(const char *name, const char *s, size_t n)
{
	if (strlen(name) != n) return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] != (s[i] == '_' ? '-' : s[i])) return false;
	return true;
}

static const Option *by_name(const Command *c, const char *s, size_t n)
{
	for (const Option *o = c->option; o->name; o++)
		if (is_spelled(o->name, s, n)) return o;
	for (const Option *o = c->shared; o && o->name; o++)
		if (is_spelled(o->name, s, n)) return o;
	return is_spelled("help", s, n) ? &help_option : NULL;
}

static const Option *by_letter(const Command *c, char letter)
{
	for (const Option *o = c->option; o->name; o++)
		if (o->letter == letter) return o;
	for (const Option *o = c->shared; o && o->name; o++)
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
	case OPTION_MAYBE:
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
		return wrong_number(p, spelled, value, 1);
	case OPTION_NUMBER:
		if (read_number(value, (double *)(void *)field)) return EXIT_GOOD;
		return wrong_number(p, spelled, value, 0);
	}
	return EXIT_USAGE;
}

/* An option without its value must not swallow the next option: a value that starts with "--" is written
 * after '='. */
static int set_from(Parser *p, const Option *o, const char *spelled, const char *attached)
{
	if (o->kind == OPTION_FLAG) return attached ? wrong(p, "takes no value: ", spelled) : set(p, o, spelled, NULL);
	if (attached) return set(p, o, spelled, attached);
	if (o->kind == OPTION_MAYBE) return set(p, o, spelled, "");
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
	const char **place = p->a->file && p->c->takes_to ? &p->a->to : &p->a->file;
	if (*place) return wrong(p, p->c->takes_to ? "two names are wanted, and here is another: "
		: "one file is wanted, and here is another: ", arg);
	*place = arg;
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
	if (a->help) return EXIT_GOOD;
	if (!a->file && !c->file_is_optional) return wrong(&p, "no file is given: wanted ", c->operand);
	return c->takes_to && !a->to ? wrong(&p, c->compares ? "a second file is wanted: " : "no output is given: wanted ", c->operand) : EXIT_GOOD;
}

static bool is_given(const Option *o, const Args *a)
{
	const void *field = (const char *)a + o->at;
	switch (o->kind) {
	case OPTION_FLAG: return *(const bool *)field;
	case OPTION_MAYBE:
	case OPTION_ONE:  return *(const char *const *)field != NULL;
	case OPTION_MANY: return ((const Strings *)field)->n > 0;
	default:          return false;       /* numbers have defaults */
	}
}

const Option *first_given(const Option *table, const Args *a)
{
	for (const Option *o = table; o->name; o++)
		if (is_given(o, a)) return o;
	return NULL;
}

static void free_lists(const Option *table, Args *a)
{
	for (const Option *o = table; o && o->name; o++) {
		if (o->kind != OPTION_MANY) continue;
		Strings *s = (Strings *)(void *)((char *)a + o->at);
		free(s->v);
		*s = (Strings){ 0 };
	}
}

void args_free(const Command *c, Args *a)
{
	free_lists(c->option, a);
	free_lists(c->shared, a);
}

int run_command_line(const Command *c, int argc, char **argv)
{
	Args a;
	int code = args_parse(c, argc, argv, &a);
	if (!code && a.help) print_command_help(c);
	else if (!code) code = c->run(&a);
	args_free(c, &a);
	return finish(code);
}
