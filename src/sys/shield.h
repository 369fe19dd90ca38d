/* What the C files of the library share. */
#ifndef CALMKEEPER_SHIELD_H
#define CALMKEEPER_SHIELD_H

#define HIDDEN __attribute__((visibility("hidden")))

/* For a thread of the application that has left the library: whether it may be cancelled is as the application has it. */
HIDDEN void calmkeeper_allow_cancellation(void);
HIDDEN void calmkeeper_forbid_cancellation(void);

/* For a clean-up handler of such a thread, which ends: jumps to the entry of the call that it has left. Returns 0 if it
 * has left none, as a thread of the library, and 1 if the C library ends threads without unwinding. */
HIDDEN int calmkeeper_jump_to_entry(void);

#endif
