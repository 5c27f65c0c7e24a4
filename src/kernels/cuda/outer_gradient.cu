// The gradients of the three vectors whose outer product Z a linear map takes; see outer.cuh.
#include "cuda/outer.cuh"

// With dZ = mask * (dy (B, O) W^T), which is never stored, for every row:
//   s[i,j] = sum over k of dZ[i,j,k] * l[k]
//   da[i] = sum over j of v[j] * s[i,j]
//   dv[j] = sum over i of a[i] * s[i,j]
//   dl[k] = sum over i, j of a[i] * v[j] * dZ[i,j,k]
// A block takes one i, which are Q*R columns of Z, and 32 rows. It computes da[i]; the terms of i
// in dv and dl go to the workspace, and a second kernel sums them in the order of i. Assigns.
//
// A block of 128 threads makes dZ a group of 128 columns at a time, each thread 8 x 4 in registers.
// dy and W are staged in shared memory in strips of 16 outputs; while one strip is multiplied, the
// next is loaded into registers. A warp makes whole rows, which it masks and contracts without the
// other warps: four lanes share a row, each with a partial sum of s until j changes. The sums for
// dl are in shared memory if they fit, else in the workspace.
enum {
    THREADS = 128,
    STRIP = 16, // outputs
    LANES = 4,  // of a row
    W_EACH = STRIP * MB_OUTER_GROUP / THREADS,
    MOST_PITCH = 132, // largest pitch of the sums for dl in shared memory
};

struct outer_input_gradients {
    mb_outer z;
    mb_view dy, weight, da, dv, dl, room; // room: workspace (B, P, Q + R)
    int32_t outputs, row_tiles;
    int32_t pitch; // of the sums for dl in shared memory; 0: they do not fit
};

// The thread's elements of a strip of dy (32 rows) and of W (128 rows), in registers.
struct strip_pair {
    float4 dy, weight[W_EACH / 4];
};

struct strip_space {
    alignas(16) float dy[STRIP][MB_OUTER_ROWS + 4];
    alignas(16) float weight[STRIP][MB_OUTER_GROUP + 4];
    alignas(16) float dz[MB_OUTER_ROWS][MB_OUTER_GROUP + 4];
};

// The slice of Z that a block works on.
struct outer_slice {
    mb_outer_product z;
    const float *dy, *weight;
    int32_t outputs, b0;   // rows b0 ... b0 + 31
    int32_t i, begin, end; // columns of Z
};

// Loads four numbers of a row, of which only `left` exist; the others are zero.
static __device__ inline float4 load_four(const float *from, int32_t left, bool whole) {
    if (whole && left >= 4)
        return mb_four(from);
    return make_float4(left > 0 ? from[0] : 0.0f, left > 1 ? from[1] : 0.0f,
                       left > 2 ? from[2] : 0.0f, left > 3 ? from[3] : 0.0f);
}

// Loads outputs o ... o + 15 of the rows of dy, and of W for the columns of the group at `first`.
static __device__ inline void fetch_strips(const outer_slice &slice, int32_t first, int32_t o,
                                           strip_pair &strips) {
    bool whole = slice.outputs % 4 == 0;
    int32_t line = (int32_t)threadIdx.x / 4, p = o + (int32_t)threadIdx.x % 4 * 4;
    int32_t b = slice.b0 + line, left = slice.outputs - p;
    strips.dy =
        load_four(slice.dy + (int64_t)b * slice.outputs + p, b < slice.z.rows ? left : 0, whole);
#pragma unroll
    for (int e = 0; e < W_EACH / 4; e++) {
        int32_t column = first + e * (THREADS / 4) + line;
        bool inside = column >= slice.begin && column < slice.end;
        strips.weight[e] =
            load_four(slice.weight + (int64_t)column * slice.outputs + p, inside ? left : 0, whole);
    }
}

static __device__ inline void put_strips(const strip_pair &strips, strip_space &space) {
    int32_t line = (int32_t)threadIdx.x / 4, p = (int32_t)threadIdx.x % 4 * 4;
    space.dy[p][line] = strips.dy.x;
    space.dy[p + 1][line] = strips.dy.y;
    space.dy[p + 2][line] = strips.dy.z;
    space.dy[p + 3][line] = strips.dy.w;
#pragma unroll
    for (int e = 0; e < W_EACH / 4; e++) {
        int32_t column = e * (THREADS / 4) + line;
        space.weight[p][column] = strips.weight[e].x;
        space.weight[p + 1][column] = strips.weight[e].y;
        space.weight[p + 2][column] = strips.weight[e].z;
        space.weight[p + 3][column] = strips.weight[e].w;
    }
}

// Makes dZ of the group at `first`, not yet masked: a thread has rows 8 * warp ... 8 * warp + 7 and
// columns 4 * lane ... 4 * lane + 3. On entry the strips hold the first outputs of this group; on
// return, those of the next group.
static __device__ inline void make_group(const outer_slice &slice, int32_t first,
                                         strip_pair &strips, strip_space &space) {
    int32_t ti = (int32_t)threadIdx.x / 32 * 8, tj = (int32_t)threadIdx.x % 32 * 4;
    float upper[4][4] = {}, lower[4][4] = {};
    for (int32_t o = 0; o < slice.outputs; o += STRIP) {
        put_strips(strips, space);
        __syncthreads();
        if (o + STRIP < slice.outputs)
            fetch_strips(slice, first, o + STRIP, strips);
        else if (first + MB_OUTER_GROUP < slice.end)
            fetch_strips(slice, first + MB_OUTER_GROUP, 0, strips);
#pragma unroll 4
        for (int p = 0; p < STRIP; p++) {
            mb_outer_add<1>(&space.dy[p][ti], 0, &space.weight[p][tj], 0, 1, upper);
            mb_outer_add<1>(&space.dy[p][ti + 4], 0, &space.weight[p][tj], 0, 1, lower);
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        mb_put_four(&space.dz[ti + i][tj], upper[i]);
        mb_put_four(&space.dz[ti + 4 + i][tj], lower[i]);
    }
    __syncwarp();
}

// Masks row b of the group; called by the four lanes of the row.
static __device__ inline void mask_row(const outer_slice &slice, int32_t b, int32_t lane,
                                       int32_t first, float *dz) {
    if (b < slice.z.rows && slice.z.mask.mode != MB_DROPOUT_OFF)
        for (int32_t c = lane; c < MB_OUTER_COUNTERS; c += LANES) {
            float factors[MB_OUTER_EACH];
            slice.z.factors(b, first, c, factors);
#pragma unroll
            for (int n = 0; n < MB_OUTER_EACH; n++)
                dz[n * MB_OUTER_COUNTERS + c] *= factors[n];
        }
    __syncwarp();
}

// The state of the contraction of a row.
struct contraction {
    float *dv, *dl; // the terms of i
    float a, da;    // a[i], da[i] so far
    float s;        // the lane's partial sum of s[i,j]
    int32_t j, k;   // of the next column
};

// Contracts the group at `first`. All lanes of the warp must call it, even if row b is not valid.
static __device__ inline void contract_row(const outer_slice &slice, int32_t b, int32_t lane,
                                           int32_t first, const float *dz, contraction &row) {
    const mb_outer_product &z = slice.z;
    bool valid = b < z.rows;
    int32_t left = slice.end - first, end = left < MB_OUTER_GROUP ? left : MB_OUTER_GROUP;
    for (int32_t c = slice.begin > first ? slice.begin - first : 0; c < end;) {
        int32_t count = z.r - row.k < end - c ? z.r - row.k : end - c;
        float v = valid ? z.v[b * z.q + row.j] : 0.0f, pair = row.a * v;
        const float *l = z.l + (int64_t)b * z.r + row.k;
        for (int32_t n = lane; valid && n < count; n += LANES) {
            row.s = fmaf(dz[c + n], l[n], row.s);
            row.dl[row.k + n] = fmaf(pair, dz[c + n], row.dl[row.k + n]);
        }
        __syncwarp(); // another lane may add to the same dl next
        c += count;
        row.k += count;
        if (row.k < z.r)
            continue;
        float s = row.s + __shfl_xor_sync(0xFFFFFFFFu, row.s, 1);
        s += __shfl_xor_sync(0xFFFFFFFFu, s, 2);
        if (lane == 0 && valid)
            row.dv[row.j] = row.a * s;
        row.da = fmaf(v, s, row.da);
        row.s = 0.0f;
        row.k = 0;
        row.j++;
    }
}

static __global__ void __launch_bounds__(THREADS, 3)
    outer_slices_kernel(const __grid_constant__ outer_input_gradients problem) {
    __shared__ strip_space space;
    MB_DYNAMIC_SHARED(float, sums);
    int32_t run = (int32_t)blockIdx.y, thread = (int32_t)threadIdx.x;
    outer_slice slice;
    slice.i = (int32_t)blockIdx.x / problem.row_tiles;
    slice.b0 = (int32_t)blockIdx.x % problem.row_tiles * MB_OUTER_ROWS;
    if (!problem.z.begin(run, slice.z) || slice.b0 >= slice.z.rows)
        return;
    const mb_outer_product &z = slice.z;
    slice.begin = slice.i * z.q * z.r;
    slice.end = slice.begin + z.q * z.r;
    slice.outputs = problem.outputs;
    slice.dy = mb_at(problem.dy, run);
    slice.weight = mb_at(problem.weight, run);
    int32_t lane = thread % LANES, b = slice.b0 + thread / LANES;
    bool valid = b < z.rows;
    int64_t at = (int64_t)b * z.p + slice.i;
    contraction row = {};
    float *dl_room = NULL;
    if (valid) {
        row.a = z.a[at];
        row.dv = mb_at(problem.room, run) + at * (z.q + z.r);
        dl_room = row.dv + z.q;
        row.dl = problem.pitch > 0 ? sums + thread / LANES * problem.pitch : dl_room;
        for (int32_t k = lane; k < z.r; k += LANES)
            row.dl[k] = 0.0f;
    }
    __syncwarp();
    strip_pair strips;
    int32_t first = slice.begin / MB_OUTER_GROUP * MB_OUTER_GROUP;
    float *dz = space.dz[thread / LANES];
    fetch_strips(slice, first, 0, strips);
    for (; first < slice.end; first += MB_OUTER_GROUP) {
        make_group(slice, first, strips, space);
        mask_row(slice, b, lane, first, dz);
        contract_row(slice, b, lane, first, dz, row);
    }
    if (valid && lane == 0)
        mb_at(problem.da, run)[at] = row.da;
    if (valid && problem.pitch > 0)
        for (int32_t k = lane; k < z.r; k += LANES)
            dl_room[k] = row.dl[k];
}

// dv[b, j] and dl[b, k]: sums over i of the terms in the workspace.
static __global__ void
outer_slices_sum_kernel(const __grid_constant__ outer_input_gradients problem) {
    int32_t run = (int32_t)blockIdx.y, rows = problem.z.tables.rows[run], slices = problem.z.p;
    int32_t q = problem.z.by_q.by, r = problem.z.by_r.by;
    int64_t item = mb_item();
    if (item >= (int64_t)rows * (q + r))
        return;
    int64_t b = item / (q + r), x = item - b * (q + r);
    const float *room = mb_at(problem.room, run) + b * slices * (q + r) + x;
    float sum = 0.0f;
    for (int32_t i = 0; i < slices; i++)
        sum += room[(int64_t)i * (q + r)];
    if (x < q)
        mb_at(problem.dv, run)[b * q + x] = sum;
    else
        mb_at(problem.dl, run)[b * r + x - q] = sum;
}

MB_CUDA_OP(outer_linear_grad_inputs) {
    outer_input_gradients problem = {};
    problem.z = mb_outer_of(call, MB_INPUT(outer_linear_grad_inputs, a));
    problem.dy = mb_in(call, outer_linear_grad_inputs, dy);
    problem.weight = mb_in(call, outer_linear_grad_inputs, weight);
    problem.da = mb_out(call, outer_linear_grad_inputs, da);
    problem.dv = mb_out(call, outer_linear_grad_inputs, dv);
    problem.dl = mb_out(call, outer_linear_grad_inputs, dl);
    problem.room = mb_out(call, outer_linear_grad_inputs, workspace);
    problem.outputs = mb_view_width(problem.dy);
    problem.row_tiles = (call->max_rows + MB_OUTER_ROWS - 1) / MB_OUTER_ROWS;
    int32_t r = mb_view_width(problem.dl),
            pitch = (r + 27) / 32 * 32 + 4; // a multiple of 32 banks, plus 4
    problem.pitch = pitch <= MOST_PITCH ? pitch : 0;
    dim3 grid((unsigned)(problem.z.p * problem.row_tiles), (unsigned)call->run_count);
    MB_LAUNCH(outer_slices_kernel, grid, dim3(THREADS),
              sizeof(float) * (size_t)(MB_OUTER_ROWS * problem.pitch), call->stream, problem);
    int64_t items = (int64_t)call->max_rows * mb_view_width(problem.room);
    MB_LAUNCH(outer_slices_sum_kernel, mb_grid(call, items), dim3(MB_THREADS), 0, call->stream,
              problem);
}
