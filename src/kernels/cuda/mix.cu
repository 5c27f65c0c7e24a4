// Weighted sums of K terms in each row. B rows, K weights, H hidden. Each row has its own weights
// in mix, w (B, K); all rows share them in weighted_sum, w (1, K). All assign. Reference:
// src/kernels/cpu/isa/reduce.c and rank.c.
#include "cuda/call.cuh"
#include "cuda/reduce.cuh"

struct mix_problem {
    mb_tables tables;
    mb_view w, u, y, bias; // u (B, K*H) or (B, K, H), y (B, H); bias.first = NULL: none
    int32_t terms, hidden;
    int32_t weights_of_row; // K, or 0 if all rows share the weights
};

// y[b, j] = sum over k of w[b, k] * u[b, k, j], plus b[j] if given; a thread computes an element
static __global__ void mix_kernel(mix_problem mix) {
    int32_t run = (int32_t)blockIdx.y, rows = mix.tables.rows[run];
    int64_t item = mb_item(), b = item / mix.hidden;
    if (b >= rows)
        return;
    int32_t j = (int32_t)(item % mix.hidden);
    const float *w = mb_at(mix.w, run) + b * mix.weights_of_row;
    const float *u = mb_at(mix.u, run) + b * mix.terms * mix.hidden + j;
    float sum = w[0] * u[0];
    for (int32_t k = 1; k < mix.terms; k++)
        sum += w[k] * u[(int64_t)k * mix.hidden];
    mb_at(mix.y, run)[item] = mix.bias.first != NULL ? sum + mb_at(mix.bias, run)[j] : sum;
}

// du[b, k, j] = w[b, k] * dy[b, j]; here y is dy and u is du; a thread computes an element
static __global__ void mix_values_kernel(mix_problem mix) {
    int32_t run = (int32_t)blockIdx.y, rows = mix.tables.rows[run];
    int64_t item = mb_item(), term = item / mix.hidden, b = term / mix.terms;
    if (b >= rows)
        return;
    float w = mb_at(mix.w, run)[b * mix.weights_of_row + term % mix.terms];
    mb_at(mix.u, run)[item] = w * mb_at(mix.y, run)[b * mix.hidden + item % mix.hidden];
}

static void mix_values(const mb_cuda_call *call, const mix_problem &mix) {
    MB_LAUNCH(mix_values_kernel, mb_grid(call, (int64_t)call->max_rows * mix.terms * mix.hidden),
              dim3(MB_THREADS), 0, call->stream, mix);
}

static void mix_rows(const mb_cuda_call *call, const mix_problem &mix) {
    MB_LAUNCH(mix_kernel, mb_grid(call, (int64_t)call->max_rows * mix.hidden), dim3(MB_THREADS), 0,
              call->stream, mix);
}

MB_CUDA_OP(mix) {
    mix_problem mix = {};
    mix.tables = call->tables;
    mix.w = mb_in(call, mix, weights);
    mix.u = mb_in(call, mix, values);
    mix.y = call->outputs[0];
    mix.terms = mix.weights_of_row = mb_view_width(mix.w);
    mix.hidden = mb_view_width(mix.y);
    mix_rows(call, mix);
}

MB_CUDA_OP(mix_grad_values) {
    mix_problem mix = {};
    mix.tables = call->tables;
    mix.y = mb_in(call, mix_grad_values, dy);
    mix.w = mb_in(call, mix_grad_values, weights);
    mix.u = call->outputs[0];
    mix.terms = mix.weights_of_row = mb_view_width(mix.w);
    mix.hidden = mb_view_width(mix.y);
    mix_values(call, mix);
}

MB_CUDA_OP(weighted_sum) {
    mix_problem mix = {};
    mix.tables = call->tables;
    mix.w = mb_in(call, weighted_sum, weights);
    mix.u = mb_in(call, weighted_sum, values);
    mix.bias = mb_in(call, weighted_sum, bias);
    mix.y = call->outputs[0];
    mix.terms = mix.u.shape.dims[1];
    mix.hidden = mix.u.shape.dims[2];
    mix_rows(call, mix);
}

MB_CUDA_OP(weighted_sum_grad_values) {
    mix_problem mix = {};
    mix.tables = call->tables;
    mix.y = mb_in(call, weighted_sum_grad_values, dy);
    mix.w = mb_in(call, weighted_sum_grad_values, weights);
    mix.u = call->outputs[0];
    mix.terms = mix.u.shape.dims[1];
    mix.hidden = mix.u.shape.dims[2];
    mix_values(call, mix);
}

// dw (B, K): dw[b, k] = sum over j of dy[b, j] * u[b, k, j], in double; a warp computes an element
static __global__ void mix_weights_kernel(mb_tables tables, mb_view dy, mb_view u, mb_view dw) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int32_t hidden = mb_view_width(dy), terms = mb_view_width(dw);
    int64_t item = mb_item() / 32;
    if (item >= (int64_t)rows * terms)
        return; // the whole warp
    const float *gradients = mb_at(dy, run) + item / terms * hidden;
    const float *values = mb_at(u, run) + item * hidden;
    double sum = 0.0;
    for (int32_t j = lane; j < hidden; j += 32)
        sum += (double)gradients[j] * (double)values[j];
    sum = mb_warp_sum(sum);
    if (lane == 0)
        mb_at(dw, run)[item] = (float)sum;
}

MB_CUDA_OP(mix_grad_weights) {
    int64_t items = (int64_t)call->max_rows * mb_view_width(call->outputs[0]);
    MB_LAUNCH(mix_weights_kernel, mb_grid(call, 32 * items), dim3(MB_THREADS), 0, call->stream,
              call->tables, mb_in(call, mix_grad_weights, dy),
              mb_in(call, mix_grad_weights, values), call->outputs[0]);
}

// dw (1, K): dw[k] = sum over b and j of dy[b, j] * u[b, k, j], in double; a block computes an
// element
static __global__ void rank_weights_kernel(mb_tables tables, mb_view dy, mb_view u, mb_view dw) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], k = (int32_t)blockIdx.x;
    int32_t hidden = mb_view_width(dy), ranks = mb_view_width(dw);
    if (rows == 0)
        return;
    const float *gradients = mb_at(dy, run), *values = mb_at(u, run);
    double sum = 0.0;
    for (int64_t item = threadIdx.x; item < (int64_t)rows * hidden; item += blockDim.x) {
        int64_t at = (item / hidden * ranks + k) * hidden + item % hidden;
        sum += (double)gradients[item] * (double)values[at];
    }
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(dw, run)[k] = (float)sum;
}

MB_CUDA_OP(weighted_sum_grad_weights) {
    unsigned ranks = (unsigned)mb_view_width(call->outputs[0]);
    MB_LAUNCH(rank_weights_kernel, dim3(ranks, (unsigned)call->run_count), dim3(MB_THREADS), 0,
              call->stream, call->tables, mb_in(call, weighted_sum_grad_weights, dy),
              mb_in(call, weighted_sum_grad_weights, values), call->outputs[0]);
}
