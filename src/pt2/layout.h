/* Which entries of the archive hold the parts of a model. */
#ifndef PT2_LAYOUT_H
#define PT2_LAYOUT_H

#include "pt2/zip.h"

typedef struct Layout {
	const char *name;                                   /* of the model */
	const char *program, *samples;                      /* JSON; torch.save */
	const char *weights_pickle, *constants_pickle;      /* torch.save, of a dict; NULL: the configs hold */
	const char *weights_config, *constants_config;      /* JSON */
	const char *weights, *constants;                    /* folders of the files the configs name */
} Layout;

/* model NULL: the only one. Fails when the archive has several, naming them, or is no exported program. */
bool find_layout(Zip *z, const char *model, Layout *l, Err *e);

#endif
