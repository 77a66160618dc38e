/* Allocations that fail when a test says so, in this thread. */
#ifndef API_TEST_MEMORY_H
#define API_TEST_MEMORY_H

/* kind 0: the n-th block that an arena takes from now on, 1: the n-th call of malloc and its kin. n 0:
 * none. */
void memory_fails_at(int kind, long n);

#endif
