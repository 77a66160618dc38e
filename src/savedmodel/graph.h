/* Inside the savedmodel module: the parts of a MetaGraphDef. */
#ifndef SAVEDMODEL_GRAPH_H
#define SAVEDMODEL_GRAPH_H

#include "savedmodel/message.h"
#include "savedmodel/plan.h"

/* Between TF_GRAPH_DEF_VERSION of TensorFlow 2.12, 1394, and of 2.21, 2474: newer ones take what is older, and 2.13.1 to
 * 2.21 were seen to take this. */
enum { GRAPH_PRODUCER = 1482 };

/* graph_def, signature_def, saver_def and the main op. */
void add_graph(Plan *p, Tf__MetaGraphDef *m);

/* object_graph_def: what tf.saved_model.load gives. */
void add_objects(Plan *p, Tf__MetaGraphDef *m);
/* The same objects as a checkpoint names them. */
Tf__TrackableObjectGraph *checkpoint_objects(const Plan *p);

#endif
