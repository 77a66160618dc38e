/* Inside api: what a model's programs write, on a device, between calls. */
#ifndef API_SESSION_H
#define API_SESSION_H

#include "api/api.h"

/* Where argument i of the method is read from, and result i goes to: an index of s->slot, -1: not state. */
int state_argument(const tshlo_session *s, const Method *k, int i);
int state_result(const tshlo_session *s, const Method *k, int i);

/* The device's buffer of a slot, still the state's; made of the initial value where nothing was written yet. Under the lock. */
DeviceBuffer *state_buffer(tshlo_session *s, int slot, Err *e);
/* Whether a run may reuse its memory: it came from a run. */
bool state_is_written(const tshlo_session *s, int slot);
/* Takes the buffer over; NULL: the slot has its initial value again. */
void state_take(tshlo_session *s, int slot, DeviceBuffer *b);

void state_lock(tshlo_session *s);
void state_unlock(tshlo_session *s);

#endif
