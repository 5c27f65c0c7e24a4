// Ops on single elements, and on columns: concatenation, slices, reshapes.
#include <string.h>

#include "graph/backward.h"
#include "graph/construct.h"

mb_tensor mb_relu(mb_graph *graph, mb_tensor x) {
    return mb_same_shape(graph, MB_OP_RELU, mb_no_params, x);
}

void mb_gradient_relu(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor inputs[] = {dy[0], node->outputs[0]};
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_RELU_GRAD, mb_no_params, inputs, 2);
}

mb_tensor mb_concat(mb_graph *graph, const mb_tensor *tensors, int32_t count) {
    if (count < 1 || count > MB_MAX_INPUTS) {
        mb_graph_refuse(graph, "concat: expected 1 to %d tensors, found %d", MB_MAX_INPUTS, count);
        return MB_NO_TENSOR;
    }
    if (!mb_given(graph, tensors, count))
        return MB_NO_TENSOR;
    mb_shape shape = *mb_graph_shape(graph, tensors[0]);
    int32_t width = 0;
    for (int32_t i = 0; i < count; i++) {
        mb_shape other = *mb_graph_shape(graph, tensors[i]);
        width += mb_shape_last(&other);
        other.dims[other.count - 1] = mb_shape_last(&shape);
        if (!mb_shape_equal(&shape, &other))
            return mb_refuse(graph, MB_OP_CONCAT, "shapes that differ in the last dimension only",
                             tensors, count);
    }
    shape.dims[shape.count - 1] = width;
    return mb_graph_add_one(graph, MB_OP_CONCAT, mb_no_params, tensors, count, shape);
}

void mb_gradient_concat(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    int32_t begin = 0;
    for (int32_t i = 0; i < node->input_count; i++) {
        mb_shape shape = mb_backward_shape(pass, node->inputs[i]);
        mb_op_params params = {.slice = {begin}};
        mb_backward_contribute_op(pass, node->inputs[i], MB_OP_SLICE, params, dy, 1);
        begin += mb_shape_last(&shape);
    }
}

// Whether tensors agree in all dimensions but the last.
static bool same_vectors(const mb_graph *graph, mb_tensor a, mb_tensor b) {
    mb_shape first = *mb_graph_shape(graph, a), second = *mb_graph_shape(graph, b);
    first.dims[first.count - 1] = second.dims[second.count - 1] = 1;
    return mb_shape_equal(&first, &second);
}

mb_tensor mb_scaled_concat(mb_graph *graph, mb_tensor scales, int32_t begin,
                           const mb_tensor *tensors, int32_t count) {
    mb_tensor inputs[MB_MAX_INPUTS] = {scales};
    if (count < 1 || count >= MB_MAX_INPUTS) {
        mb_graph_refuse(graph, "scaled_concat: expected 1 to %d tensors, found %d",
                        MB_MAX_INPUTS - 1, count);
        return MB_NO_TENSOR;
    }
    memcpy(inputs + MB_INPUT(scaled_concat, x), tensors, (size_t)count * sizeof *tensors);
    if (!mb_given(graph, inputs, count + 1))
        return MB_NO_TENSOR;
    mb_shape shape = *mb_graph_shape(graph, scales);
    bool fits = begin >= 0 && begin + count <= mb_shape_last(&shape);
    int32_t width = 0;
    for (int32_t i = 0; i < count; i++) {
        fits = fits && same_vectors(graph, scales, tensors[i]);
        width += mb_shape_last(mb_graph_shape(graph, tensors[i]));
    }
    if (!fits)
        return mb_refuse(graph, MB_OP_SCALED_CONCAT, "s (..., N >= begin + K), K times x (..., D)",
                         inputs, count + 1);
    shape.dims[shape.count - 1] = width;
    mb_op_params params = {.scaled_concat = {.column = begin}};
    return mb_graph_add_one(graph, MB_OP_SCALED_CONCAT, params, inputs, count + 1, shape);
}

void mb_gradient_scaled_concat(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor for_x[] = {dy[0], mb_in(node, scaled_concat, scales)};
    mb_tensor for_scales[MB_MAX_INPUTS] = {dy[0]};
    mb_op_params params = node->params;
    for (int32_t i = 0; i < mb_last_count(node, scaled_concat, x); i++) {
        mb_tensor x = mb_in_last(node, scaled_concat, x, i);
        mb_shape shape = mb_backward_shape(pass, x);
        mb_backward_contribute_op(pass, x, MB_OP_SCALED_CONCAT_GRAD_INPUT, params, for_x, 2);
        params.scaled_concat.column++;
        params.scaled_concat.begin += mb_shape_last(&shape);
        for_scales[MB_INPUT(scaled_concat_grad_scales, x) + i] = x;
    }
    mb_backward_contribute_op(pass, mb_in(node, scaled_concat, scales),
                              MB_OP_SCALED_CONCAT_GRAD_SCALES, node->params, for_scales,
                              node->input_count);
}

mb_tensor mb_prepend_one(mb_graph *graph, mb_tensor x) {
    if (!mb_given(graph, &x, 1))
        return MB_NO_TENSOR;
    mb_shape shape = *mb_graph_shape(graph, x);
    shape.dims[shape.count - 1]++;
    return mb_graph_add_one(graph, MB_OP_PREPEND_ONE, mb_no_params, &x, 1, shape);
}

void mb_gradient_prepend_one(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_op_params params = {.slice = {1}};
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_SLICE, params, dy, 1);
}

mb_tensor mb_slice(mb_graph *graph, mb_tensor x, int32_t begin, int32_t width) {
    if (!mb_given(graph, &x, 1))
        return MB_NO_TENSOR;
    mb_shape shape = *mb_graph_shape(graph, x);
    if (begin < 0 || width < 1 || begin > mb_shape_last(&shape) - width) {
        mb_graph_refuse(graph, "slice: expected columns of 0 to %d, found %d to %d",
                        mb_shape_last(&shape) - 1, begin, begin + width - 1);
        return MB_NO_TENSOR;
    }
    shape.dims[shape.count - 1] = width;
    mb_op_params params = {.slice = {begin}};
    return mb_graph_add_one(graph, MB_OP_SLICE, params, &x, 1, shape);
}

void mb_gradient_slice(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_SLICE_GRAD, node->params, dy, 1);
}

mb_tensor mb_add(mb_graph *graph, mb_tensor a, mb_tensor b) {
    mb_tensor inputs[] = {a, b};
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    if (!mb_shape_equal(mb_graph_shape(graph, a), mb_graph_shape(graph, b)))
        return mb_refuse(graph, MB_OP_ADD, "equal shapes", inputs, 2);
    return mb_graph_add_one(graph, MB_OP_ADD, mb_no_params, inputs, 2, *mb_graph_shape(graph, a));
}

void mb_gradient_add(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    for (int32_t i = 0; i < 2; i++)
        if (mb_backward_wants(pass, node->inputs[i]))
            mb_backward_contribute(pass, node->inputs[i], dy[0]);
}

mb_tensor mb_multiply(mb_graph *graph, mb_tensor a, mb_tensor b) {
    mb_tensor inputs[] = {a, b};
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    if (!mb_shape_equal(mb_graph_shape(graph, a), mb_graph_shape(graph, b)))
        return mb_refuse(graph, MB_OP_MULTIPLY, "equal shapes", inputs, 2);
    return mb_graph_add_one(graph, MB_OP_MULTIPLY, mb_no_params, inputs, 2,
                            *mb_graph_shape(graph, a));
}

void mb_gradient_multiply(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor a = mb_in(node, multiply, a), b = mb_in(node, multiply, b);
    mb_tensor for_a[] = {dy[0], b}, for_b[] = {dy[0], a};
    mb_backward_contribute_op(pass, a, MB_OP_MULTIPLY, mb_no_params, for_a, 2);
    mb_backward_contribute_op(pass, b, MB_OP_MULTIPLY, mb_no_params, for_b, 2);
}

mb_tensor mb_sigmoid(mb_graph *graph, mb_tensor x) {
    return mb_same_shape(graph, MB_OP_SIGMOID, mb_no_params, x);
}

void mb_gradient_sigmoid(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor inputs[] = {dy[0], node->outputs[0]};
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_SIGMOID_GRAD, mb_no_params, inputs, 2);
}

mb_tensor mb_tanh(mb_graph *graph, mb_tensor x) {
    return mb_same_shape(graph, MB_OP_TANH, mb_no_params, x);
}

void mb_gradient_tanh(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor inputs[] = {dy[0], node->outputs[0]};
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_TANH_GRAD, mb_no_params, inputs, 2);
}

mb_tensor mb_scale(mb_graph *graph, mb_tensor x, double factor, mb_slot slot) {
    mb_op_params params = {.scale = {(float)factor, slot}};
    return mb_same_shape(graph, MB_OP_SCALE, params, x);
}

void mb_gradient_scale(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_SCALE, node->params, dy, 1);
}

mb_tensor mb_reshape(mb_graph *graph, mb_tensor x, mb_shape shape) {
    if (!mb_given(graph, &x, 1))
        return MB_NO_TENSOR;
    const mb_shape *from = mb_graph_shape(graph, x);
    if (mb_shape_elements(from, 1) != mb_shape_elements(&shape, 1) ||
        mb_shape_elements(from, 2) != mb_shape_elements(&shape, 2))
        return mb_refuse(graph, MB_OP_RESHAPE, "as many elements as the new shape has", &x, 1);
    return mb_graph_add_one(graph, MB_OP_RESHAPE, mb_no_params, &x, 1, shape);
}

void mb_gradient_reshape(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_RESHAPE, mb_no_params, dy, 1);
}

mb_tensor mb_idle_weights(mb_graph *graph, mb_tensor x, const mb_tensor *weights, int32_t count) {
    mb_tensor inputs[MB_MAX_INPUTS] = {x};
    if (count > MB_MAX_INPUTS - 1) {
        mb_graph_refuse(graph, "idle_weights: expected at most %d weights, found %d",
                        MB_MAX_INPUTS - 1, count);
        return MB_NO_TENSOR;
    }
    for (int32_t i = 0; i < count; i++)
        inputs[MB_INPUT(idle_weights, weight) + i] = weights[i];
    if (!mb_given(graph, inputs, 1 + count))
        return MB_NO_TENSOR;
    return mb_graph_add_one(graph, MB_OP_IDLE_WEIGHTS, mb_no_params, inputs, 1 + count,
                            *mb_graph_shape(graph, x));
}

void mb_gradient_idle_weights(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_op_params zero = {.constant = {0.0f}};
    if (mb_backward_wants(pass, mb_in(node, idle_weights, x)))
        mb_backward_contribute(pass, mb_in(node, idle_weights, x), dy[0]);
    for (int32_t i = 0; i < mb_last_count(node, idle_weights, weight); i++)
        mb_backward_contribute_op(pass, mb_in_last(node, idle_weights, weight, i), MB_OP_CONSTANT,
                                  zero, NULL, 0);
}
