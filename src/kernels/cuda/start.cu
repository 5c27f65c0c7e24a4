// Start values of parameters, the same as in src/host/graph/parameters.c. Element e of a parameter,
// in its logical order, is drawn from Philox: uniform values from word e % 4 of index e / 4, normal
// values from index e.
#include "cuda/device.cuh"
#include "cuda/philox.cuh"

struct start_problem {
    mb_initial initial;
    uint32_t index; // the parameter's number among the draws
    mb_shape shape;
    bool transposed; // stored with its dimensions reversed
    int64_t elements, offset, parameter_floats;
    const mb_key *keys;
    float *parameters;
};

// The logical element that is stored at `place` in a transposed parameter.
static __device__ int64_t logical_element(const mb_shape &shape, int64_t place) {
    int64_t element = 0;
    for (int32_t i = 0; i < shape.count; i++) { // the first dimension changes fastest
        int64_t size = shape.dims[i], stride = 1;
        for (int32_t k = i + 1; k < shape.count; k++)
            stride *= shape.dims[k];
        element += place % size * stride;
        place /= size;
    }
    return element;
}

static __device__ float start_value(const start_problem &q, mb_key key, int64_t e) {
    if (q.initial.kind == MB_INITIAL_CONSTANT)
        return (float)q.initial.scale;
    if (q.initial.kind == MB_INITIAL_NORMAL)
        return (float)(q.initial.scale *
                       mb_philox_normal(key, MB_RANDOM_INITIAL, q.index, (uint64_t)e));
    uint4 random = mb_philox(key, MB_RANDOM_INITIAL, q.index, (uint64_t)e / 4);
    uint32_t low = e % 2 == 0 ? random.x : random.y, high = e % 2 == 0 ? random.z : random.w;
    uint32_t word = e % 4 < 2 ? low : high;
    return (float)(q.initial.scale * ((double)word * 0x1p-31 - 1.0));
}

// A thread draws one element and stores it.
static __global__ void start_kernel(start_problem q) {
    int32_t run = (int32_t)blockIdx.y;
    int64_t place = mb_item();
    if (place >= q.elements)
        return;
    int64_t e = q.transposed ? logical_element(q.shape, place) : place;
    q.parameters[run * q.parameter_floats + q.offset + place] = start_value(q, q.keys[run], e);
}

void mb_cuda_start(mb_cuda_device *cuda, const mb_plan *plan, int32_t run_count, const mb_key *keys,
                   float *parameters) {
    mb_cuda_call call = {};
    call.run_count = run_count;
    for (int32_t i = 0; i < plan->info.parameter_count; i++) {
        const mb_parameter *parameter = &plan->parameters[i];
        start_problem q = {};
        q.initial = parameter->initial;
        q.index = (uint32_t)parameter->drawn_as;
        q.shape = parameter->shape;
        q.transposed = parameter->transposed;
        q.elements = mb_shape_elements(&parameter->shape, 0);
        q.offset = parameter->offset;
        q.parameter_floats = plan->info.parameter_floats;
        q.keys = keys;
        q.parameters = parameters;
        MB_LAUNCH(start_kernel, mb_grid(&call, q.elements), dim3(MB_THREADS), 0, cuda->stream, q);
    }
}
