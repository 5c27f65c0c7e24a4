// What a child process covers, for the fuzzer in its parent.
#ifndef MB_TESTS_FUZZ_COUNTERS_H
#define MB_TESTS_FUZZ_COUNTERS_H

void mb_counters_share(void); // once, in the parent
void mb_counters_send(void);  // in the child, before it ends
void mb_counters_take(void);  // in the parent, after that

#endif
