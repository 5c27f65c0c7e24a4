// Directions of rows, and losses of their inner products. B rows, D features. Reference:
// src/kernels/cpu/isa/similarity.c.
#include "cuda/product.cuh"
#include "cuda/reduce.cuh"

// y (..., D) = x / (||x|| + epsilon), inverse (..., 1) = 1 / (||x|| + epsilon). A row of zeros is
// 0/0 without epsilon, unless keep_zero: then y and inverse are 0. A warp takes a vector.
static __global__ void unit_rows_kernel(mb_tables tables, mb_view x, mb_view y, mb_view inverse,
                                        double epsilon, bool keep_zero) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int32_t width = mb_view_width(x);
    int64_t vector = mb_item() / 32;
    if (rows == 0 || vector >= mb_view_vectors(x, rows))
        return; // the whole warp
    const float *from = mb_at(x, run) + vector * width;
    double sum = 0.0;
    for (int32_t j = lane; j < width; j += 32)
        sum += (double)from[j] * (double)from[j];
    double norm = sqrt(mb_warp_sum(sum));
    float factor = keep_zero && norm == 0.0 ? 0.0f : (float)(1.0 / (norm + epsilon));
    for (int32_t j = lane; j < width; j += 32)
        mb_at(y, run)[vector * width + j] = from[j] * factor;
    if (lane == 0)
        mb_at(inverse, run)[vector] = factor;
}

MB_CUDA_OP(unit_rows) {
    int64_t vectors = mb_view_vectors(call->inputs[0], call->max_rows);
    MB_LAUNCH(unit_rows_kernel, mb_grid(call, 32 * vectors), dim3(MB_THREADS), 0, call->stream,
              call->tables, call->inputs[0], call->outputs[0], call->outputs[1],
              (double)call->step->params.unit_rows.epsilon, call->step->params.unit_rows.keep_zero);
}

struct unit_gradient {
    mb_tables tables;
    mb_view dy, y, inverse, dx;
    double epsilon;
    bool constant_norm;
};

// dx = inverse * (dy - y <dy, y> (||x|| + epsilon) / ||x||), or inverse * dy where the norm is a
// constant for the gradient. A warp takes a vector.
static __global__ void unit_gradient_kernel(unit_gradient q) {
    int32_t run = (int32_t)blockIdx.y, rows = q.tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int32_t width = mb_view_width(q.dx);
    int64_t vector = mb_item() / 32;
    if (rows == 0 || vector >= mb_view_vectors(q.dx, rows))
        return; // the whole warp
    const float *dy = mb_at(q.dy, run) + vector * width, *y = mb_at(q.y, run) + vector * width;
    float inverse = mb_at(q.inverse, run)[vector];
    double sum = 0.0;
    for (int32_t j = lane; j < width; j += 32)
        sum += (double)dy[j] * (double)y[j];
    double product = mb_warp_sum(sum), share = 1.0 - q.epsilon * (double)inverse;
    product = q.constant_norm ? 0.0 : product;
    float along = (float)(share > 0.0 ? product / share : product);
    for (int32_t j = lane; j < width; j += 32)
        mb_at(q.dx, run)[vector * width + j] = inverse * (dy[j] - y[j] * along);
}

MB_CUDA_OP(unit_rows_grad) {
    int64_t vectors = mb_view_vectors(call->inputs[0], call->max_rows);
    unit_gradient q = {call->tables,
                       call->inputs[0],
                       call->inputs[1],
                       call->inputs[2],
                       call->outputs[0],
                       (double)call->step->params.unit_rows.epsilon,
                       call->step->params.unit_rows.constant_norm};
    MB_LAUNCH(unit_gradient_kernel, mb_grid(call, 32 * vectors), dim3(MB_THREADS), 0, call->stream,
              q);
}

// A product of two matrices of a batch, over the rows or over the features: C = A B with A (B, B)
// or (B, D). Strides tell which dimension of an operand is which.
struct batch_product {
    mb_tables tables;
    mb_view a, b, c;
    bool scores;      // C (B, B) = a b^T over D; otherwise C (B, D) = a b with a (B, B)
    bool transpose_a; // only without scores

    struct tile : mb_store_tile {
        int32_t k;
        const float *x, *y;
        int64_t x_row, x_column, y_row, y_column;
        static constexpr bool a_along_p = true, b_along_p = false;

        __device__ float a(int32_t i, int32_t p) const {
            return x[i * x_row + p * x_column];
        }
        __device__ float b(int32_t p, int32_t j) const {
            return y[p * y_row + j * y_column];
        }
    };

    __device__ bool begin(int32_t run, int32_t, tile &t) const {
        int32_t rows = tables.rows[run], width = mb_view_width(b);
        int32_t n = scores ? rows : width;
        static_cast<mb_store_tile &>(t) = {mb_at(c, run), n, rows, n};
        t.k = scores ? width : rows;
        t.x = mb_at(a, run);
        t.y = mb_at(b, run);
        t.x_row = transpose_a ? 1 : t.k;
        t.x_column = transpose_a ? rows : 1;
        t.y_row = scores ? 1 : width;
        t.y_column = scores ? width : 1;
        return rows > 0;
    }
};

// p (B, B): softmax of the scores s over j, in place; loss (1) = (1/B) sum over b of
// log(sum over j of exp(s[b, j])) - s[b, b]. A block takes a run, its warps every eighth row.
static __global__ void contrastive_kernel(mb_tables tables, mb_view scores, mb_view loss) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    if (rows == 0)
        return;
    double sum = 0.0; // of the rows of the warp, in its first lane
    for (int32_t b = (int32_t)threadIdx.x / 32; b < rows; b += MB_THREADS / 32) {
        float *s = mb_at(scores, run) + (int64_t)b * rows;
        double largest = (double)s[0], total = 0.0;
        for (int32_t j = lane; j < rows; j += 32)
            largest = (double)s[j] > largest ? (double)s[j] : largest;
        largest = mb_warp_max(largest);
        for (int32_t j = lane; j < rows; j += 32)
            total += exp((double)s[j] - largest);
        total = log(mb_warp_sum(total)) + largest;
        sum += lane == 0 ? total - (double)s[b] : 0.0;
        __syncwarp();
        for (int32_t j = lane; j < rows; j += 32)
            s[j] = (float)exp((double)s[j] - total);
    }
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(sum / rows);
}

// s = x q^T
MB_CUDA_OP(contrastive) {
    batch_product problem = {call->tables, call->inputs[0], call->inputs[1], call->outputs[1], true,
                             false};
    mb_product(call, call->max_rows, call->max_rows, 1, problem);
    MB_LAUNCH(contrastive_kernel, dim3(1, (unsigned)call->run_count), dim3(MB_THREADS), 0,
              call->stream, call->tables, call->outputs[1], call->outputs[0]);
}

// ds (B, B) = dloss/B * (p - identity); a thread makes an element
static __global__ void score_gradients_kernel(mb_tables tables, mb_view p, mb_view dloss,
                                              mb_view ds) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t item = mb_item();
    if (rows == 0 || item >= (int64_t)rows * rows)
        return;
    float scale = mb_at(dloss, run)[0] / (float)rows;
    float own = item / rows == item % rows ? 1.0f : 0.0f;
    mb_at(ds, run)[item] = scale * (mb_at(p, run)[item] - own);
}

// dx (B, D) = ds q, dq (B, D) = ds^T x
MB_CUDA_OP(contrastive_grad) {
    int64_t pairs = (int64_t)call->max_rows * call->max_rows;
    MB_LAUNCH(score_gradients_kernel, mb_grid(call, pairs), dim3(MB_THREADS), 0, call->stream,
              call->tables, call->inputs[2], call->inputs[3], call->outputs[2]);
    batch_product dx = {call->tables, call->outputs[2], call->inputs[1], call->outputs[0], false,
                        false};
    batch_product dq = {call->tables, call->outputs[2], call->inputs[0], call->outputs[1], false,
                        true};
    mb_product(call, call->max_rows, mb_view_width(call->inputs[0]), 1, dx);
    mb_product(call, call->max_rows, mb_view_width(call->inputs[0]), 1, dq);
}
