/* Inside the savedmodel module: assets.extra/tf_serving_warmup_requests, which TF Serving sends to itself
 * before it takes the model into service (tensorflow_serving/servables/tensorflow/saved_model_warmup.h). */
#ifndef SAVEDMODEL_WARMUP_H
#define SAVEDMODEL_WARMUP_H

#include "base/out.h"
#include "savedmodel/plan.h"

/* One PredictionLog per signature, as TFRecords, with inputs of zeros; a dim of any size is 1. */
bool warmup_write(const Plan *p, Out *o);

#endif
