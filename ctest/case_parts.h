/* What case.c, case_records.c and case_texts.c share, and programs do not use. */
#ifndef CTEST_CASE_PARTS_H
#define CTEST_CASE_PARTS_H

#include "case.h"

/* How many seconds to wait for an expected event. */
int wait_s(void);
/* A few rotating buffers of 4096 bytes per thread, so that one line can hold several texts. */
char *scratch(void);
/* Compares two elements of an array of strings, for qsort. */
int by_text(const void *a, const void *b);

#endif
