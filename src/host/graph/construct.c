// What the constructors of ops share.
#include "graph/construct.h"

#include <string.h>

const mb_op_params mb_no_params = {.update = {-1}};

bool mb_given(const mb_graph *graph, const mb_tensor *tensors, int32_t count) {
    if (graph->status != MB_OK)
        return false;
    for (int32_t i = 0; i < count; i++)
        if (tensors[i] == MB_NO_TENSOR)
            return false;
    return true;
}

mb_tensor mb_refuse(mb_graph *graph, mb_op op, const char *expected, const mb_tensor *tensors,
                    int32_t count) {
    char shapes[256] = "";
    for (int32_t i = 0; i < count; i++) {
        size_t used = strlen(shapes);
        if (i > 0 && used + 1 < sizeof shapes)
            shapes[used++] = ' ';
        mb_shape_print(mb_graph_shape(graph, tensors[i]), shapes + used,
                       (int32_t)(sizeof shapes - used));
    }
    mb_graph_refuse(graph, "%s: expected %s, found %s", mb_op_infos[op].name, expected, shapes);
    return MB_NO_TENSOR;
}

mb_tensor mb_same_shape(mb_graph *graph, mb_op op, mb_op_params params, mb_tensor x) {
    if (!mb_given(graph, &x, 1))
        return MB_NO_TENSOR;
    return mb_graph_add_one(graph, op, params, &x, 1, *mb_graph_shape(graph, x));
}
