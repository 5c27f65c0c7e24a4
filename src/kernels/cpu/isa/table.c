// The kernels of this instruction set, by op.
#include "cpu/isa/kernel.h"

#define MB_TEXT_(text) #text
#define MB_TEXT(text) MB_TEXT_(text)

extern const mb_cpu_isa MB_NAME(isa);
const mb_cpu_isa MB_NAME(isa) = {
    .name = MB_TEXT(MB_ISA),
    .description = "cpu " MB_TEXT(MB_ISA),
    .kernels =
        {
#define MB_OP(NAME, name, ...) [MB_OP_##NAME] = MB_NAME(name),
#include "graph/ops.def"
#undef MB_OP
        },
};
