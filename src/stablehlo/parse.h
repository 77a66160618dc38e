/* Inside the text parser. How text becomes a module:
 *
 *	tokens, numbers and strings, one token ahead                                     parse_lex.c  parse_number.c
 *	types; a tensor's text that was met before is looked up                          parse_type.c
 *	attributes: any of them as an Any                                                parse_attr.c  parse_struct.c  parse_dense.c
 *	the attributes of an op, from an Any or as its form writes them bare             parse_kind.c
 *	ops: names of values, generic form, regions                                      parse_op.c
 *	the forms of ops.def, walked, and their hooks                                    parse_form.c  parse_hook.c
 *	functions, modules, aliases, resources                                           parse_func.c  parse.c
 *	locations                                                                        parse_loc.c
 *
 * The printer's files mirror these, and both go by ops.def. Input is hostile: nothing is allocated by a number that the text
 * names, only by how much text there is; nesting ends at MAX_NEST and MAX_REGIONS; what an alias stands for is charged for its
 * size each time it is used (spend), so that no small file stands for a large module. A failure empties the text, so that every
 * loop ends. */
#ifndef STABLEHLO_PARSE_H
#define STABLEHLO_PARSE_H

#include <string.h>

#include "stablehlo/ir.h"

/* -- tokens (parse_lex.c) -------------------------------------------------------------------------------- */

/* A mark such as ( or , is its own character. */
enum { T_END = 256, T_WORD, T_VALUE, T_BLOCK, T_SYMBOL, T_HASH, T_BANG, T_INT, T_FLOAT, T_STRING, T_ARROW, T_SCOPE, T_DOTS, T_META,
	T_META_END, T_BAD };

/* As it stands in the text, with its % # ! ^ or @, quotes and all. */
typedef struct Token { int kind; const char *s; size_t n; } Token;

static inline bool spells(Token t, const char *s)
{
	size_t n = strlen(s);
	return t.n == n && !memcmp(t.s, s, n);
}

static inline bool begins(Token t, const char *s)
{
	size_t n = strlen(s);
	return t.n >= n && !memcmp(t.s, s, n);
}

typedef struct Piece Piece;      /* of a form, parse_form.c */

/* A name that stands for an attribute or a type. weight: how much text it is instead of. */
typedef struct Alias { Any any; Type type; bool is_type; uint64_t weight; } Alias;

/* `n` values from `first` on go by one name; first 0: none do at the moment. */
typedef struct Named { Value first; int n; } Named;

typedef struct Member { const char *key; Any value; } Member;

/* Elements that the file's last section brings. */
typedef struct Resource { const char *name, *at; Dense *dense; } Resource;

typedef struct Parse {
	Module *m;
	Arena *a;                    /* the module's: of what stays */
	Arena scratch;
	Err *err;
	const char *name;            /* of the text, in messages */
	const char *text, *end, *at;     /* at: what follows the token */
	const char *behind;          /* the end of the token before */
	Token tok;                   /* the one to look at */
	Map op;                      /* code by name, less 1 */
	const Piece *form[NOPS];     /* each taken apart when it is first needed */
	Map type_text;               /* types of whole tensor<...>, by their text */
	VEC(Type) known;
	Map alias;                   /* "#x", "!x" */
	VEC(Alias) aliased;
	uint64_t spent, budget;      /* text that aliases stand for */
	VEC(Resource) resource;
	int nest, depth;             /* of attributes and types; of regions */
	/* values in sight: a name's place in `named`, and which names the open regions have defined, in order */
	Map value;
	VEC(Named) named;
	VEC(int) defined;
	/* stacks; who pushes takes off what he has pushed */
	VEC(Value) operand;
	VEC(Type) type;
	VEC(Region *) region;
	VEC(int64_t) number;
	VEC(Any) any;
	VEC(Member) member;
	VEC(Token) token;
} Parse;

void advance(Parse *p);
/* Goes on at `s`, whose token is the next to look at. */
void go_to(Parse *p, const char *s);
static inline bool is_word(const Parse *p, const char *word) { return p->tok.kind == T_WORD && spells(p->tok, word); }

static inline bool take(Parse *p, int kind)
{
	if (p->tok.kind != kind) return false;
	advance(p);
	return true;
}

static inline bool take_word(Parse *p, const char *word)
{
	if (!is_word(p, word)) return false;
	advance(p);
	return true;
}

/* The same, and anything else is a failure. */
bool want(Parse *p, int kind);
bool want_word(Parse *p, const char *word);
bool want_token(Parse *p, Token word);
/* `word =` */
bool want_field(Parse *p, const char *word);
/* Whether `word`, or a value, comes after the token. */
bool word_follows(Parse *p, Token word);
bool value_follows(Parse *p);
/* From the < [ ( or { at `s` to behind what closes it; NULL with the failure recorded. */
const char *past_brackets(Parse *p, const char *s);

static inline bool failed(const Parse *p) { return p->err->code != OK; }
/* "name:3:14: message"; returns false. */
bool wrong(Parse *p, const char *s, Code code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* "found 'x', wanted y", at the token. */
bool unexpected(Parse *p, const char *wanted);
/* The token for messages, shortened. */
const char *shown(Parse *p, Token t);

/* -- numbers and strings (parse_number.c) ---------------------------------------------------------------- */

/* The bits of an integer literal, and whether 64 are enough for it. */
bool int_bits(Token t, uint64_t *v);
bool is_hex(Token t);
double double_of(Parse *p, Token t);
/* -12 */
bool parse_int(Parse *p, int64_t *out);
/* -1.5e+00, of a field that can have no other number */
bool parse_double(Parse *p, double *out);
/* [1, 2] between the two marks, on p->number. */
bool parse_ints(Parse *p, int open, int close);
/* The numbers above `from` on p->number, taken off it. */
Ints take_ints(Parse *p, int from);
bool parse_string(Parse *p, const char **out);
bool parse_symbol(Parse *p, const char **out);       /* @f, @"a b" */
/* What an identifier or a string says; kept. */
bool parse_key(Parse *p, const char **out);
/* A hexadecimal string "0x...": how many bytes, -1 when it is none; and the bytes. */
int64_t hex_nbytes(Token t);
void hex_bytes(Token t, uint8_t *out);

/* -- types (parse_type.c) -------------------------------------------------------------------------------- */

bool parse_type(Parse *p, Type *out);
bool parse_tensor_type(Parse *p, Type *out);
/* (types), or one type, on p->type. */
bool parse_results(Parse *p);
/* Up to `close`, which is taken: types, on p->type. */
bool parse_type_list(Parse *p, int close);
bool begins_type(const Parse *p);
DType parse_elem(Parse *p);                          /* DTYPE_none: a failure */

/* -- attributes ------------------------------------------------------------------------------------------ */

bool parse_any(Parse *p, Any *out);                  /* parse_attr.c */
/* Members of a dictionary above `from` on p->member as an ANY_DICT, taken off. */
bool take_members(Parse *p, int from, Any *out);
/* name [= value] */
bool parse_member(Parse *p, Member *out);
bool parse_dict(Parse *p, Any *out);                 /* {...} */
const Alias *find_alias(Parse *p, bool is_type);     /* the token's; NULL with the failure recorded; charges for it */
bool parse_text(Parse *p, const char *from, const char *to, Any *out);       /* what stands there as it is: ANY_VERBATIM */
bool nest_in(Parse *p);
void nest_out(Parse *p);

bool parse_dialect_attr(Parse *p, Any *out);         /* #stablehlo..., parse_struct.c */
bool parse_struct(Parse *p, AttrKind kind, Attr *out);       /* <...> */
bool parse_conv(Parse *p, Attr *out);                /* [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1] */
/* A word of an enum's. */
bool parse_enum(Parse *p, AttrKind kind, int64_t *out);

bool parse_dense(Parse *p, const Dense **out);       /* parse_dense.c; dense<...> : type, dense_resource<...> : type */
bool parse_array(Parse *p, const Dense **out);       /* array<i64: ...> */
/* One element of type `t` at the token, into `out`. */
bool parse_element(Parse *p, Type t, uint8_t *out);
bool parse_resources(Parse *p);                      /* {-# ... #-} */
bool resources_there(Parse *p);                      /* each that was named has come */

bool set_attr(Parse *p, const char *at, const AttrDef *def, const Any *any, Attr *out);     /* parse_kind.c */
bool parse_bare(Parse *p, const AttrDef *def, Attr *out);

/* -- ops ------------------------------------------------------------------------------------------------- */

/* An op being read. Its operands, result types, regions, and attributes that are none of its own stand on the parser's stacks
 * from these places on. */
typedef struct Draft {
	OpCode code;
	const char *at;              /* its name, for messages */
	Region *into;
	int operand, type, region, member;
	Attr attr[MAX_ATTRS];
} Draft;

static inline int nin(const Parse *p, const Draft *d) { return p->operand.n - d->operand; }
static inline Type in_type(const Parse *p, const Draft *d, int i)
{
	return value_type(p->m, p->operand.v[d->operand + i]);
}

bool parse_op(Parse *p, Region *into);               /* parse_op.c */
bool parse_operand(Parse *p);                        /* %0, %0#1, on p->operand */
bool parse_operands(Parse *p);                       /* any number of them, comma separated */
bool define(Parse *p, Token name, Value first, int n);
/* From `mark` (p->defined.n) on, names are out of sight. */
void forget(Parse *p, int mark);
/* ({...}, {...}) */
bool parse_regions(Parse *p, Draft *d);
/* { ops }, its arguments of the `n` types on top of p->type, by the names on top of p->token; n < 0: as its label says. */
bool parse_region(Parse *p, Draft *d, int n);
/* The ops of a region, up to and with its }. */
bool parse_body(Parse *p, Region *r);
/* (%x: type, ...) behind a label, on p->token and p->type. */
bool parse_label(Parse *p);
/* What follows a generic op's name. */
bool parse_generic(Parse *p, Draft *d);
/* {...}, or nothing: attributes, the op's own among them. */
bool parse_attr_dict(Parse *p, Draft *d);
bool parse_attrs(Parse *p, Draft *d, int close);
/* (operand types) -> results, the operand types as the values have them. */
bool parse_fn(Parse *p, Draft *d);
bool operand_is(Parse *p, const Draft *d, int i, Type t, const char *at);

bool parse_form(Parse *p, Draft *d);                 /* parse_form.c; what follows the name */
typedef bool Hook(Parse *p, Draft *d);
Hook *find_hook(const char *s, size_t n);            /* parse_hook.c; NULL */

/* -- the rest -------------------------------------------------------------------------------------------- */

bool parse_func(Parse *p);                           /* parse_func.c; behind `func.func` */
bool parse_generic_func(Parse *p);
/* loc(...), or nothing. */
bool parse_loc(Parse *p);                            /* parse_loc.c */

#endif
