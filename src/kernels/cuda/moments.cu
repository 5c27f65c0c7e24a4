// Statistics over the rows of a batch, in double. B rows, K parts x[:, i] (B, D) of x (B, K, D).
// Reference: src/kernels/cpu/isa/moments.c.
#include "cuda/product.cuh"
#include "cuda/reduce.cuh"

// y (B, N) = x - mean over the rows of x; the mean is rounded to float32. A thread takes a column.
static __global__ void center_kernel(mb_tables tables, mb_view x, mb_view y) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t j = mb_item(), width = mb_view_elements(x, 1);
    if (rows == 0 || j >= width)
        return;
    const float *from = mb_at(x, run) + j;
    double sum = 0.0;
    for (int32_t b = 0; b < rows; b++)
        sum += (double)from[b * width];
    float mean = (float)(sum / rows);
    for (int32_t b = 0; b < rows; b++)
        mb_at(y, run)[b * width + j] = from[b * width] - mean;
}

MB_CUDA_OP(center) {
    MB_LAUNCH(center_kernel, mb_grid(call, mb_view_elements(call->inputs[0], 1)), dim3(MB_THREADS),
              0, call->stream, call->tables, call->inputs[0], call->outputs[0]);
}

// ---- overlap ----------------------------------------------------------------------------------
//
// The squared Frobenius norm of u_i^T u_j (D, D) is the inner product of the Gram matrices u_i
// u_i^T and u_j u_j^T (B, B): so no D x D matrix is needed, and each Gram matrix is made once.

// With gram: C (B, B) = u_k u_k^T for k = blockIdx.z. Otherwise C (B, D) = s u_k, s (B, B), k =
// part.
struct part_product {
    mb_tables tables;
    mb_view u, s, c;
    bool gram;
    int32_t part;

    struct tile : mb_store_tile {
        int32_t k;
        const float *x, *y;
        int64_t x_row, y_row, y_column;
        static constexpr bool a_along_p = true, b_along_p = false;

        __device__ float a(int32_t i, int32_t p) const {
            return x[i * x_row + p];
        }
        __device__ float b(int32_t p, int32_t j) const {
            return y[p * y_row + j * y_column];
        }
    };

    __device__ bool begin(int32_t run, int32_t z, tile &t) const {
        int32_t rows = tables.rows[run], width = u.shape.dims[2];
        int64_t stride = (int64_t)u.shape.dims[1] * width, size = (int64_t)rows * rows;
        t.y = mb_at(u, run) + (int64_t)(gram ? z : part) * width;
        if (gram) {
            static_cast<mb_store_tile &>(t) = {mb_at(c, run) + z * size, rows, rows, rows};
            t.k = width;
            t.x = t.y;
            t.x_row = t.y_column = stride;
            t.y_row = 1;
            return rows > 0;
        }
        static_cast<mb_store_tile &>(t) = {mb_at(c, run) + (int64_t)part * width, stride, rows,
                                           width};
        t.k = rows;
        t.x = mb_at(s, run);
        t.x_row = rows;
        t.y_row = stride;
        t.y_column = 1;
        return rows > 0;
    }
};

// loss (1) = sum over pairs of <gram_i, gram_j> / D^2; a block takes a run
static __global__ void overlap_kernel(mb_tables tables, mb_view grams, mb_pairs pairs,
                                      int32_t width, mb_view loss) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    if (rows == 0)
        return;
    int64_t size = (int64_t)rows * rows;
    double sum = 0.0;
    for (int32_t p = 0; p < pairs.count; p++) {
        const float *a = mb_at(grams, run) + pairs.parts[p][0] * size;
        const float *b = mb_at(grams, run) + pairs.parts[p][1] * size;
        for (int64_t i = threadIdx.x; i < size; i += blockDim.x)
            sum += (double)a[i] * (double)b[i];
    }
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(sum / ((double)width * width));
}

MB_CUDA_OP(overlap) {
    const mb_view none = {};
    const mb_shape *shape = &call->inputs[0].shape;
    part_product grams = {call->tables, call->inputs[0], none, call->outputs[1], true, 0};
    mb_product(call, call->max_rows, call->max_rows, shape->dims[1], grams);
    MB_LAUNCH(overlap_kernel, dim3(1, (unsigned)call->run_count), dim3(MB_THREADS), 0, call->stream,
              call->tables, call->outputs[1], call->step->params.pairs.pairs, shape->dims[2],
              call->outputs[0]);
}

// sum (B, B) = dloss * 2/D^2 * the Gram matrices of what pairs with part k; a thread an element
static __global__ void gram_sum_kernel(mb_tables tables, mb_view grams, mb_view dloss,
                                       mb_pairs pairs, int32_t k, int32_t width, mb_view sums) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t i = mb_item(), size = (int64_t)rows * rows;
    if (i >= size)
        return;
    float scale = (float)(2.0 * (double)mb_at(dloss, run)[0] / ((double)width * width)), sum = 0.0f;
    for (int32_t p = 0; p < pairs.count; p++) {
        const uint8_t *pair = pairs.parts[p];
        if (pair[0] == k || pair[1] == k)
            sum += scale * mb_at(grams, run)[(pair[0] == k ? pair[1] : pair[0]) * size + i];
    }
    mb_at(sums, run)[i] = sum;
}

// du_i (B, D) = (the sum of part i) u_i, a part after the other: they share the room for the sum
MB_CUDA_OP(overlap_grad) {
    const mb_shape *shape = &call->inputs[0].shape;
    int64_t pairs = (int64_t)call->max_rows * call->max_rows;
    for (int32_t k = 0; k < shape->dims[1]; k++) {
        MB_LAUNCH(gram_sum_kernel, mb_grid(call, pairs), dim3(MB_THREADS), 0, call->stream,
                  call->tables, call->inputs[1], call->inputs[2], call->step->params.pairs.pairs, k,
                  shape->dims[2], call->outputs[1]);
        part_product product = {call->tables,     call->inputs[0], call->outputs[1],
                                call->outputs[0], false,           k};
        mb_product(call, call->max_rows, shape->dims[2], 1, product);
    }
}
