/* Locations (mlir/lib/AsmParser/LocationParser.cpp). They are read and dropped. */
#include "stablehlo/parse.h"

static bool parse_location(Parse *p);

/* "file":1:2, "file":1:2 to 3:4, "file":1:2 to :4, "name", "name"(location) */
static bool parse_named(Parse *p)
{
	int64_t v;
	advance(p);
	if (take(p, '(')) return parse_location(p) && want(p, ')');
	if (!take(p, ':')) return true;
	if (!parse_int(p, &v) || !want(p, ':') || !parse_int(p, &v)) return false;
	if (!take_word(p, "to")) return true;
	if (p->tok.kind == T_INT && !parse_int(p, &v)) return false;
	return want(p, ':') && parse_int(p, &v);
}

/* fused<metadata>[locations] */
static bool parse_fused(Parse *p)
{
	Any any;
	if (take(p, '<') && !(parse_any(p, &any) && want(p, '>'))) return false;
	if (!want(p, '[')) return false;
	do if (!parse_location(p)) return false;
	while (take(p, ','));
	return want(p, ']');
}

static bool parse_plain(Parse *p)
{
	if (p->tok.kind == T_STRING) return parse_named(p);
	if (take(p, T_HASH) || take_word(p, "unknown")) return true;          /* an alias may be defined later */
	if (take_word(p, "callsite"))
		return want(p, '(') && parse_location(p) && want_word(p, "at") && parse_location(p) && want(p, ')');
	if (take_word(p, "fused")) return parse_fused(p);
	return unexpected(p, "a location");
}

static bool parse_location(Parse *p)
{
	if (!nest_in(p)) return false;
	bool ok = parse_plain(p);
	nest_out(p);
	return ok;
}

bool parse_loc(Parse *p)
{
	return !take_word(p, "loc") || (want(p, '(') && parse_location(p) && want(p, ')'));
}
