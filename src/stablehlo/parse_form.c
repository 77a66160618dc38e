/* The forms of ops.def, walked as print_form.c walks them: each piece of text must be there, each item is read. A form is taken
 * apart once, when its op is first met. */
#include "stablehlo/parse.h"

/* MARK, or LIST_COMMA before a list that may be empty; WORD; items: VALUE, LIST, ATTR, HOOK. OPTIONAL: the `skip` pieces behind
 * it are there if a comma is, and the word, unless it is empty. */
typedef enum PieceKind { FORM_END, MARK, LIST_COMMA, WORD, VALUE, LIST, ATTR, HOOK, OPTIONAL } PieceKind;

struct Piece {
	PieceKind kind;
	int mark, attr, skip;
	Token word;
	Hook *hook;
};

static bool is_name_char(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

static Token word_at(const char *s)
{
	size_t n = 0;
	while (is_name_char(s[n])) n++;
	return (Token){ T_WORD, s, n };
}

/* -- taking apart ---------------------------------------------------------------------------------------- */

/* Whether the row has an operand of that name, and whether it is a list of them. */
static bool is_operand(OpCode code, Token name)
{
	for (const char *in = op_table[code].in; *in; in += strspn(in, ", ")) {
		size_t n = strcspn(in, ",");
		if (n == name.n && !memcmp(in, name.s, n)) return true;
		in += n;
	}
	return false;
}

/* {x} */
static Piece item_piece(OpCode code, const char *s, size_t n)
{
	Token name = { T_WORD, s, n };
	const AttrDef *def = op_table[code].attr;
	if (is_operand(code, name)) return (Piece){ .kind = *s == '*' ? LIST : VALUE };
	for (int i = 0; def[i].name; i++)
		if (spells(name, def[i].name)) return (Piece){ .kind = ATTR, .attr = i };
	return (Piece){ .kind = HOOK, .hook = find_hook(s, n) };
}

static const Piece *take_apart(Parse *p, OpCode code)
{
	const char *s = op_table[code].form;
	Piece *piece = NEW(&p->scratch, Piece, strlen(s) + 1);
	int n = 0, optional = 0;
	while (*s) {
		Token word = word_at(s);
		size_t len = *s == '{' && s[1] != '{' ? strcspn(s, "}") : 0;
		if (len) piece[n++] = item_piece(code, s + 1, len - 1);
		else if (word.n) piece[n++] = (Piece){ .kind = WORD, .word = word };
		else if (*s == '<') piece[optional = n++] = (Piece){ .kind = OPTIONAL, .word = word_at(s + strspn(s, "<, ")) };
		else if (*s == '>') piece[optional].skip = n - 1 - optional;
		else if (*s == ',') piece[n++] = (Piece){ .kind = strncmp(s, ", {*", 4) ? MARK : LIST_COMMA, .mark = ',' };
		else if (*s != ' ') piece[n++] = (Piece){ .kind = MARK, .mark = *s };
		s += len ? len + 1 : word.n ? word.n : 1;
	}
	return piece;
}

/* -- reading --------------------------------------------------------------------------------------------- */

/* Before a colon stand the attributes that the form does not name. */
static bool parse_mark(Parse *p, Draft *d, int mark)
{
	return (mark != ':' || parse_attr_dict(p, d)) && want(p, mark);
}

static bool parse_item(Parse *p, Draft *d, const Piece *piece)
{
	switch (piece->kind) {
	case VALUE: return parse_operand(p);
	case LIST:  return parse_operands(p);
	case ATTR:  return parse_bare(p, &op_table[d->code].attr[piece->attr], &d->attr[piece->attr]);
	default:    return piece->hook(p, d);
	}
}

static bool is_there(Parse *p, const Piece *piece)
{
	return p->tok.kind == ',' && (!piece->word.n || word_follows(p, piece->word));
}

bool parse_form(Parse *p, Draft *d)
{
	if (!p->form[d->code]) p->form[d->code] = take_apart(p, d->code);
	bool nothing = false;                                   /* an empty list has just been read: it takes a comma along */
	for (const Piece *piece = p->form[d->code]; piece->kind; piece++) {
		int before = p->operand.n;
		bool ok = true, comma = piece->kind == MARK && piece->mark == ',';
		if (piece->kind == LIST_COMMA || (comma && nothing)) take(p, ',');
		else if (piece->kind == MARK) ok = parse_mark(p, d, piece->mark);
		else if (piece->kind == WORD) ok = want_token(p, piece->word);
		else if (piece->kind == OPTIONAL) piece += is_there(p, piece) ? 0 : piece->skip;
		else ok = parse_item(p, d, piece);
		nothing = piece->kind == LIST && p->operand.n == before;
		if (!ok) return false;
	}
	return true;
}
