// Vectors scaled to unit length, and a contrastive loss of inner products. B rows, D features; B'
// stands for all leading dimensions. Reference: src/kernels/cpu/isa/similarity.c.
#include "cuda/inner.cuh"
#include "cuda/reduce.cuh"

// ---- rows of length 1 -------------------------------------------------------------------------

// <a, b> in double, computed by a whole warp and returned to every lane.
static __device__ double warp_dot(const float *a, const float *b, int32_t count) {
    double sum = 0.0;
    for (int32_t j = (int32_t)threadIdx.x % 32; j < count; j += 32)
        sum += (double)a[j] * (double)b[j];
    return mb_warp_sum(sum);
}

// y (B', D) = x / (||x|| + epsilon), inverse (B', 1) = 1 / (||x|| + epsilon). With epsilon = 0 a
// vector of zeros gives 0/0, unless keep_zero: then y and inverse are 0. A warp takes a vector.
// Assigns.
static __global__ void unit_rows_kernel(mb_tables tables, mb_view x, mb_view y, mb_view inverses,
                                        double epsilon, bool keep_zero) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int32_t width = mb_view_width(x);
    int64_t vector = mb_item() / 32;
    if (rows == 0 || vector >= mb_view_vectors(x, rows))
        return; // the whole warp
    const float *from = mb_at(x, run) + vector * width;
    double norm = sqrt(warp_dot(from, from, width));
    float inverse = keep_zero && norm == 0.0 ? 0.0f : (float)(1.0 / (norm + epsilon));
    for (int32_t j = lane; j < width; j += 32)
        mb_at(y, run)[vector * width + j] = from[j] * inverse;
    if (lane == 0)
        mb_at(inverses, run)[vector] = inverse;
}

MB_CUDA_OP(unit_rows) {
    int64_t vectors = mb_view_vectors(call->inputs[0], call->max_rows);
    MB_LAUNCH(unit_rows_kernel, mb_grid(call, 32 * vectors), dim3(MB_THREADS), 0, call->stream,
              call->tables, call->inputs[0], mb_out(call, unit_rows, y),
              mb_out(call, unit_rows, inverse), (double)call->op->params.unit_rows.epsilon,
              call->op->params.unit_rows.keep_zero);
}

// dx = inverse * (dy - y <dy, y> (||x|| + epsilon) / ||x||), or inverse * dy with constant_norm,
// which takes the norm for a constant. A warp takes a vector. Assigns.
static __global__ void unit_rows_gradient_kernel(mb_tables tables, mb_view dy, mb_view y,
                                                 mb_view inverses, mb_view dx, double epsilon,
                                                 bool constant_norm) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int32_t width = mb_view_width(dy);
    int64_t vector = mb_item() / 32;
    if (rows == 0 || vector >= mb_view_vectors(dy, rows))
        return; // the whole warp
    const float *gradient = mb_at(dy, run) + vector * width;
    const float *unit = mb_at(y, run) + vector * width;
    float inverse = mb_at(inverses, run)[vector];
    double share = 1.0 - epsilon * (double)inverse;
    double product = constant_norm ? 0.0 : warp_dot(gradient, unit, width);
    float along = (float)(share > 0.0 ? product / share : product);
    for (int32_t j = lane; j < width; j += 32)
        mb_at(dx, run)[vector * width + j] = inverse * (gradient[j] - unit[j] * along);
}

MB_CUDA_OP(unit_rows_grad) {
    int64_t vectors = mb_view_vectors(mb_in(call, unit_rows_grad, dy), call->max_rows);
    MB_LAUNCH(unit_rows_gradient_kernel, mb_grid(call, 32 * vectors), dim3(MB_THREADS), 0,
              call->stream, call->tables, mb_in(call, unit_rows_grad, dy),
              mb_in(call, unit_rows_grad, y), mb_in(call, unit_rows_grad, inverse),
              call->outputs[0], (double)call->op->params.unit_rows.epsilon,
              call->op->params.unit_rows.constant_norm);
}

// ---- contrast ---------------------------------------------------------------------------------

enum { CONTRAST_THREADS = 512 };

// s (B, B) in place -> p = softmax over j; loss (1) = (1/B) sum over b of log(sum over j of
// exp(s[b, j])) - s[b, b]. A block computes a run; each of its warps takes a row at a time, and
// each element is read and written by one lane. Assigns.
static __global__ void contrast_kernel(mb_tables tables, mb_view loss, mb_view scores) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    if (rows == 0)
        return;
    double sum = 0.0;
    for (int32_t b = (int32_t)threadIdx.x / 32; b < rows; b += CONTRAST_THREADS / 32) {
        float *s = mb_at(scores, run) + (int64_t)b * rows;
        double largest = -INFINITY, total = 0.0;
        for (int32_t j = lane; j < rows; j += 32)
            largest = (double)s[j] > largest ? (double)s[j] : largest;
        largest = mb_warp_max(largest);
        for (int32_t j = lane; j < rows; j += 32)
            total += exp((double)s[j] - largest);
        total = log(mb_warp_sum(total)) + largest;
        for (int32_t j = lane; j < rows; j += 32) {
            double distance = (double)s[j] - total;
            sum -= j == b ? distance : 0.0;
            s[j] = (float)exp(distance);
        }
    }
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(sum / rows);
}

// s = x q^T, then the kernel above.
MB_CUDA_OP(contrastive) {
    mb_inner_products_launch(call, mb_in(call, contrastive, x), mb_in(call, contrastive, q),
                             mb_out(call, contrastive, probabilities), 1);
    MB_LAUNCH(contrast_kernel, dim3(1, (unsigned)call->run_count), dim3(CONTRAST_THREADS), 0,
              call->stream, call->tables, mb_out(call, contrastive, loss),
              mb_out(call, contrastive, probabilities));
}

// ds (B, B) = dloss/B * (p - identity); dx (B, D) = ds q where blockIdx.z = 0, dq (B, D) = ds^T x
// where it is 1. ds is computed where it is read, and the op's workspace for it is not used.
// Assigns.
struct contrast_gradients {
    mb_tables tables;
    mb_view x, q, probabilities, dloss, dx, dq;

    struct tile : mb_store_tile {
        int32_t k;
        int64_t along_i, along_p; // strides of p (the probabilities)
        const float *probabilities, *other;
        float scale;
        static constexpr bool a_along_p = true, b_along_p = false;

        __device__ float a(int32_t i, int32_t p) const {
            return scale * (probabilities[i * along_i + p * along_p] - (i == p ? 1.0f : 0.0f));
        }
        __device__ float b(int32_t p, int32_t j) const {
            return other[(int64_t)p * n + j];
        }
    };

    __device__ bool begin(int32_t run, int32_t piece, tile &t) const {
        int32_t rows = tables.rows[run], width = mb_view_width(x);
        if (rows == 0)
            return false;
        static_cast<mb_store_tile &>(t) = {mb_at(piece == 0 ? dx : dq, run), width, rows, width};
        t.k = rows;
        t.along_i = piece == 0 ? rows : 1;
        t.along_p = piece == 0 ? 1 : rows;
        t.probabilities = mb_at(probabilities, run);
        t.other = mb_at(piece == 0 ? q : x, run);
        t.scale = mb_at(dloss, run)[0] / (float)rows;
        return true;
    }
};

MB_CUDA_OP(contrastive_grad) {
    contrast_gradients problem = {};
    problem.tables = call->tables;
    problem.x = mb_in(call, contrastive_grad, x);
    problem.q = mb_in(call, contrastive_grad, q);
    problem.probabilities = mb_in(call, contrastive_grad, probabilities);
    problem.dloss = mb_in(call, contrastive_grad, dloss);
    problem.dx = mb_out(call, contrastive_grad, dx);
    problem.dq = mb_out(call, contrastive_grad, dq);
    mb_product(call, call->max_rows, mb_view_width(problem.x), 2, problem);
}
