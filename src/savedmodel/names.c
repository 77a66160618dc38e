#include "savedmodel/plan.h"

#include <ctype.h>
#include <string.h>

static bool is_word(char c) { return (unsigned char)c < 128 && (isalnum((unsigned char)c) || c == '_'); }
static bool in_node(char c) { return is_word(c) || (c && strchr(".\\-/>", c)); }

bool is_node_name(const char *s)
{
	if (!*s || (!is_word(*s) && *s != '.') || *s == '_') return false;
	while (in_node(*s)) s++;
	return !*s;
}

const char *as_node_name(Arena *a, const char *s)
{
	bool first = is_word(*s) && *s != '_';
	char *out = arena_printf(a, "%s%s", first ? "" : "k", s);
	for (char *c = out; *c; c++)
		if (!in_node(*c)) *c = '_';
	return out;
}

static bool is_keyword(const char *s)
{
	static const char *const words[] = { "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class",
		"continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
		"lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield" };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(s, words[i])) return true;
	return false;
}

/* TensorFlow takes '_' at the start of a node's name for its own, and an input names its placeholder. */
bool is_argument_name(const char *s)
{
	if (!isalpha((unsigned char)*s) || is_keyword(s)) return false;
	while (is_word(*s)) s++;
	return !*s;
}

const char *as_argument_name(Arena *a, const char *s)
{
	bool first = is_word(*s) && isalpha((unsigned char)*s);
	char *out = arena_printf(a, "%s%s%s", first ? "" : "k", s, is_keyword(s) ? "_" : "");
	for (char *c = out; *c; c++)
		if (!is_word(*c)) *c = '_';
	return out;
}

const char *unique(Arena *a, Map *taken, const char *s)
{
	const char *name = s;
	for (int i = 1; map_get(taken, name, strlen(name)) >= 0; i++) name = arena_printf(a, "%s_%d", s, i);
	map_set(taken, name, strlen(name), 1);
	return name;
}
