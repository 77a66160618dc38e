/* A .pt2 file, as torch.export.save writes it, opened into a Program.
 *
 *	Program *p = pt2_open("model.pt2", err);        // NULL: the reason is in err
 *	... p->graph, p->input, p->tensor ...
 *	if (pt2_samples(p, err)) ... p->nsample tensors, one per user input
 *	program_free(p);
 *
 * Three layouts are read: the PT2 archive of torch 2.9 and newer (weights as raw bytes), that of torch 2.8
 * (weights in a nested torch.save file), and the older zip of four files in its root. Stored entries are
 * used in place, so weights stay in the mapped file, at whatever alignment they have there; deflated ones
 * are inflated into the program's arena.
 *
 * No code in a file is ever run: of pickles only tensors in lists, tuples and dicts are understood.
 * Refused: schema majors other than 7 (torch 2.5) and 8 (2.6 and newer), encrypted, multi-disk or
 * otherwise odd zips, sparse and quantized tensors. CRCs are checked where the bytes are read anyway: JSON
 * and inflated entries; not those of raw weights. */
#ifndef PT2_PT2_H
#define PT2_PT2_H

#include "program/program.h"

/* Opens the only model in the archive; where there are several, fails with their names. */
Program *pt2_open(const char *path, Err *e);

/* Opens models/<model>.json of an archive. model NULL: the only one. */
Program *pt2_open_named(const char *path, const char *model, Err *e);

/* The same from memory, which must outlive the program; pt2_samples() finds none in it. */
Program *pt2_read(const uint8_t *bytes, size_t n, const char *model, Err *e);

/* Reads the sample inputs into p->sample: one tensor per user input that is no constant, in that order; a
 * number among them (a SymInt input) becomes a tensor of rank 0. True with nsample 0 when the file has
 * none; fails, with nsample 0, when it has some that cannot be read or do not match the program's inputs. */
bool pt2_samples(Program *p, Err *e);

#endif
