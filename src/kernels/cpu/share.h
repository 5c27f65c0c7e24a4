// How the work of a step is dealt out to the threads of a team. A result does not depend on that,
// nor on how many there are.
#ifndef MB_KERNELS_CPU_SHARE_H
#define MB_KERNELS_CPU_SHARE_H

#include "cpu/team.h"

// Executes the call's step, operands bound, with its kernel.
void mb_cpu_share(mb_cpu_team *team, mb_cpu_kernel kernel, const mb_cpu_call *call);

#endif
