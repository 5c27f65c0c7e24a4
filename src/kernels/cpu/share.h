// Divides the work of an op among the threads of a team. The result depends neither on the division
// nor on the number of threads.
#ifndef MB_KERNELS_CPU_SHARE_H
#define MB_KERNELS_CPU_SHARE_H

#include "cpu/team.h"

// Executes the op of a call, whose operands are bound, with its kernel.
void mb_cpu_share(mb_cpu_team *team, mb_cpu_kernel kernel, const mb_cpu_call *call);

#endif
