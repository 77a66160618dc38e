/* Inside api: modules that are for several devices. */
#ifndef API_SPREAD_H
#define API_SPREAD_H

#include "api/api.h"

/* For how many devices the module is (mhlo.num_replicas, mhlo.num_partitions); 1: for one. m may be NULL. */
int devices_of(const Module *m);
/* Whether each has inputs of its own. */
bool has_replicas(const Module *m);

/* How its arguments and results lie on so many, as mhlo.sharding has it. UNSUPPORTED: shardings that are no blocks of equal size. */
bool lie_on_devices(Arena *a, const Module *m, int ndevice, Spread *out, Err *e);

#endif
