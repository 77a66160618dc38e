/* Inside the savedmodel module: the parts of a MetaGraphDef. */
#ifndef SAVEDMODEL_GRAPH_H
#define SAVEDMODEL_GRAPH_H

#include "savedmodel/message.h"
#include "savedmodel/plan.h"

/* TF_GRAPH_DEF_VERSION of TensorFlow 2.13, the first that reads what we write. */
enum { GRAPH_PRODUCER = 1482 };

/* graph_def, signature_def, saver_def and the main op. */
void add_graph(Plan *p, Tf__MetaGraphDef *m);

/* A Const node of the number, bool or string that an output always is. */
Tf__NodeDef *fixed_node(Arena *a, const Port *out, const char *name);

/* object_graph_def: what tf.saved_model.load gives. */
void add_objects(Plan *p, Tf__MetaGraphDef *m);
/* The same objects as a checkpoint names them. */
Tf__TrackableObjectGraph *checkpoint_objects(const Plan *p);

#endif
