// The graph of one model: tensors and ops, with shapes of one model. Model files build graphs, the
// planner compiles them (plan.h). A graph knows nothing of devices, nor of how many models train.
//
// The functions below that return a tensor check shapes and record an op; they compute nothing.
// The graph keeps the first failure; from then on they return MB_NO_TENSOR, and given MB_NO_TENSOR
// they do nothing. So model files need no error handling: mb_graph_status reports the failure at
// the end.
//
// Sources of the ops are given with the models that use them, at the head of src/host/models/*.c.
#ifndef MERBENCH_GRAPH_H
#define MERBENCH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/status.h"
#include "merbench/stream.h"

typedef int32_t mb_tensor;
#define MB_NO_TENSOR (-1)

#define MB_MAX_DIMS 4
#define MB_ROWS (-1) // the dimension whose size is the number of valid rows of the batch

typedef struct mb_shape {
    int32_t count;
    int32_t dims[MB_MAX_DIMS]; // row-major; MB_ROWS or >= 1
} mb_shape;

// The number of elements in a batch of `rows` rows.
int64_t mb_shape_elements(const mb_shape *shape, int32_t rows);
// The number of vectors along the last dimension: the product of all other dimensions.
int64_t mb_shape_vectors(const mb_shape *shape, int32_t rows);
int32_t mb_shape_last(const mb_shape *shape);
void mb_shape_print(const mb_shape *shape, char *text, int32_t size); // "(B, 3, 128)"

// Values of a run that ops read from a table by slot; runs that differ only in these share
// an array.
#define MB_SLOT(name, key) MB_SLOT_##name,
typedef enum mb_slot {
    MB_SLOT_NONE = -1,
#include "merbench/slots.def"
    MB_SLOT_COUNT
} mb_slot;
#undef MB_SLOT

typedef enum mb_initial_kind {
    MB_INITIAL_UNIFORM,  // on (-scale, scale)
    MB_INITIAL_NORMAL,   // mean 0, standard deviation scale
    MB_INITIAL_CONSTANT, // scale itself
} mb_initial_kind;

typedef struct mb_initial {
    mb_initial_kind kind;
    double scale;
} mb_initial;

// How a recurrence goes through (B, T, D): over the T steps of each row, or over the B rows of the
// batch with the T steps side by side; forwards, or in reverse.
typedef enum mb_axis { MB_AXIS_TIME, MB_AXIS_ROWS } mb_axis;
typedef struct mb_recurrence {
    mb_axis axis;
    bool reverse;
} mb_recurrence;

// How dropout works in a graph. Noise that is part of a model (mb_noise) is random in the first
// two modes.
typedef enum mb_dropout_mode {
    MB_DROPOUT_OFF,    // evaluation, or training without dropout
    MB_DROPOUT_RANDOM, // Philox masks, drawn again in the backward pass
    MB_DROPOUT_STORED, // the caller gives masks and noise, found by name (fixtures)
    MB_NOISE_STORED,   // no dropout, the caller gives noise (fixtures)
} mb_dropout_mode;

// How a fixture stores the masks of a site.
typedef enum mb_mask_layout {
    MB_MASK_AS_TENSOR,  // one mask in the shape of the tensor
    MB_MASK_TIME_FIRST, // one mask with the first two dimensions swapped: (T, B, ...)
    MB_MASK_PER_STEP,   // T masks (B, ...) of calls 0, 1, ...: "module#0", "module#1", ...
    MB_MASK_NOISE,      // not a mask: the numbers of mb_noise, a dataset of that name
} mb_mask_layout;

typedef struct mb_dropout_site {
    const char *name;     // the reference's "module#call"; without "#call" for MB_MASK_PER_STEP
    mb_slot rate;         // slot of the rate; MB_SLOT_NONE: constant_rate
    double constant_rate; // one rate for all runs
    mb_mask_layout layout;
    // 0, or: this tensor is only the last step of a tensor of the reference, which has this many.
    int32_t whole_steps;
} mb_dropout_site;

// Which keys are hidden from a query.
typedef enum mb_attention_mask {
    MB_ATTENTION_ALL,    // none
    MB_ATTENTION_FUTURE, // key j of Lk from query i of Lq when j - i >= 1 + |Lk - Lq|
} mb_attention_mask;

typedef struct mb_graph mb_graph;

// Creates a graph for batches of at most `max_rows` rows. NULL when out of memory.
mb_graph *mb_graph_create(mb_dropout_mode dropout, int32_t max_rows);
void mb_graph_free(mb_graph *graph);
// The first failure, or MB_OK.
mb_status mb_graph_status(const mb_graph *graph, mb_error *error);
// Records a failure that the model itself finds ("hidden_dim must be even").
void mb_graph_refuse(mb_graph *graph, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

const mb_shape *mb_graph_shape(const mb_graph *graph, mb_tensor tensor);

// ---- sources ----------------------------------------------------------------------------------
// A stream of the dataset for the utterances of the batch: (B, D), or (B, T, D) with the frames of
// an utterance at the end, after zero frames; of an utterance longer than T the last T frames. The
// shape may be wider than the stream; the extra columns are zero.
mb_tensor mb_graph_stream(mb_graph *graph, int32_t stream, mb_shape shape);
// A parameter, named as in the reference's state_dict. A second call with the same name (and shape)
// returns the same tensor: a weight that is used more than once.
mb_tensor mb_graph_parameter(mb_graph *graph, const char *name, mb_shape shape, mb_initial initial);
// The weight (out, in) of a linear map. Plans store it input-major, see mb_parameter in plan.h.
mb_tensor mb_graph_weight(mb_graph *graph, const char *name, int32_t out, int32_t in,
                          mb_initial initial);
// The filter (out, in, width) of a convolution, stored with its dimensions reversed.
mb_tensor mb_graph_filter(mb_graph *graph, const char *name, int32_t out, int32_t in, int32_t width,
                          mb_initial initial);

// Declares that the loss depends on the parameter only in batches of at least `rows` rows. In a
// smaller batch its gradient is zero if the run has already had a batch that large, and absent
// otherwise, so that Adam skips it.
void mb_graph_needs_rows(mb_graph *graph, mb_tensor parameter, int32_t rows);
// Freezes a parameter: it has no gradient and no update. Must be called before an op reads it.
void mb_graph_freeze(mb_graph *graph, mb_tensor parameter);
// Gives a parameter the start values of `other`, which has the same shape and initialisation.
void mb_graph_start_as(mb_graph *graph, mb_tensor parameter, mb_tensor other);

// Standard normal numbers (B, width), new in every step, also in evaluation; the numbers of an
// utterance do not depend on the rest of its batch. Fixtures store them under `name`.
mb_tensor mb_noise(mb_graph *graph, const char *name, int32_t width);

// ---- ops --------------------------------------------------------------------------------------
// y = x W^T + b. x (..., I), W (O, I), b (O) or MB_NO_TENSOR -> (..., O)
mb_tensor mb_linear(mb_graph *graph, mb_tensor x, mb_tensor weight, mb_tensor bias);
// Three maps, each with one third of a weight, for the queries, keys and values of attention: y[k]
// = x[k] W[k*O ... k*O + O - 1]^T + b[k*O ...]. x[k] (..., I), W (3O, I), b (3O) or MB_NO_TENSOR ->
// y[k] (..., O). All three outputs must be used.
void mb_linear_thirds(mb_graph *graph, const mb_tensor x[3], mb_tensor weight, mb_tensor bias,
                      mb_tensor y[3]);
mb_tensor mb_relu(mb_graph *graph, mb_tensor x);
mb_tensor mb_softmax(mb_graph *graph, mb_tensor x); // over the last dimension; exp(-inf) = 0
// w * (x - mean) / sqrt(variance + 1e-5) + b over the last dimension. x (..., D), w (D), b (D)
mb_tensor mb_layer_norm(mb_graph *graph, mb_tensor x, mb_tensor weight, mb_tensor bias);
// scale * q k^T for every head (head h of N has columns h*D/N ...). Hidden keys get -inf, which the
// softmax that must follow turns into 0. q (B, Lq, D), k (B, Lk, D) -> (B, N, Lq, Lk)
mb_tensor mb_attention_scores(mb_graph *graph, mb_tensor queries, mb_tensor keys, int32_t heads,
                              double scale, mb_attention_mask mask);
// Weighted sums of values for every head: w (B, N, Lq, Lk), v (B, Lk, D) -> (B, Lq, D)
mb_tensor mb_attention_apply(mb_graph *graph, mb_tensor weights, mb_tensor values);
// Keeps each element with probability 1 - p and scales it by 1 / (1 - p). Every call is a new site
// with its own masks. The identity when dropout is off.
mb_tensor mb_dropout(mb_graph *graph, mb_tensor x, mb_dropout_site site);
// (..., D1), (..., D2) ... -> (..., D1 + D2 + ...); at most MB_MAX_INPUTS tensors
mb_tensor mb_concat(mb_graph *graph, const mb_tensor *tensors, int32_t count);
// Joins tensors, each times a scale: x_1 (..., D_1) ... x_K -> concat(s[begin] * x_1, s[begin+1] *
// x_2, ...), with one vector of scales s (..., N) for each vector.
mb_tensor mb_scaled_concat(mb_graph *graph, mb_tensor scales, int32_t begin,
                           const mb_tensor *tensors, int32_t count);
// [1, x]: (..., D) -> (..., 1 + D)
mb_tensor mb_prepend_one(mb_graph *graph, mb_tensor x);
// Columns begin ... begin + width - 1: (..., D) -> (..., width)
mb_tensor mb_slice(mb_graph *graph, mb_tensor x, int32_t begin, int32_t width);
// sum over k of w[b, k] * u[b, k*H .. (k+1)*H): w (B, K), u (B, K*H) -> (B, H)
mb_tensor mb_mix(mb_graph *graph, mb_tensor weights, mb_tensor values);
// x F[k] for every rank k: x (B, I), F (K, I, O) -> (B, K, O)
mb_tensor mb_rank_linear(mb_graph *graph, mb_tensor x, mb_tensor factor);
// b + sum over k of w[0, k] * u[:, k]: w (1, K), u (B, K, H), b (1, H) -> (B, H)
mb_tensor mb_weighted_sum(mb_graph *graph, mb_tensor weights, mb_tensor values, mb_tensor bias);
// y = dropout(Z) W^T + b, where Z is an outer product that is never stored: Z[b, (i*Q + j)*R + k] =
// a[b, i] * v[b, j] * l[b, k]. a (B, P), v (B, Q), l (B, R), W (O, P*Q*R), b (O) -> (B, O)
mb_tensor mb_outer_linear(mb_graph *graph, const mb_tensor factors[3], mb_dropout_site site,
                          mb_tensor weight, mb_tensor bias);
// One-layer LSTM that starts from zero states. The caller computes the input products of all steps:
// z (B, T, 4H) = x W_ih^T + b_ih, W_hh (4H, H), b_hh (4H) -> hidden states (B, T, H)
mb_tensor mb_lstm(mb_graph *graph, mb_tensor z, mb_tensor weight_hh, mb_tensor bias_hh);
// The same; returns hidden states and cells, (B, T, H) both.
typedef struct mb_lstm_states {
    mb_tensor hidden, cell;
} mb_lstm_states;
mb_lstm_states mb_lstm_all(mb_graph *graph, mb_tensor z, mb_tensor weight_hh, mb_tensor bias_hh);
// The same along either axis, forwards or in reverse.
mb_tensor mb_lstm_along(mb_graph *graph, mb_tensor z, mb_tensor weight_hh, mb_tensor bias_hh,
                        mb_recurrence way);
// x (B, T, D) -> y with y[t] = x[t-1], y[0] = 0
mb_tensor mb_delay(mb_graph *graph, mb_tensor x);
// One of the two gates of a memory: a two-layer network on concat(x, memory).
typedef struct mb_memory_gate {
    mb_tensor weight_1, bias_1, weight_2, bias_2; // (H, D+M), (H), (M, H), (M)
    mb_dropout_site dropout;                      // after the max(0, .)
} mb_memory_gate;
// The memory u of MFN over a whole sequence, from u[-1] = 0: u[t] = g_1 * u[t-1] + g_2 * c[t], with
// gates g_k = sigmoid(drop(max(0, concat(x[t], u[t-1]) W_1^T + b_1)) W_2^T + b_2), each with its
// own weights. x (B, T, D), c (B, T, M) -> (B, T, M)
mb_tensor mb_gated_memory(mb_graph *graph, mb_tensor x, mb_tensor candidate,
                          const mb_memory_gate gates[2]);
// x as the first step of a sequence of zeros: (B, D) -> (B, T, D)
mb_tensor mb_first_step(mb_graph *graph, mb_tensor x, int32_t steps);
// Convolution along time, without padding and bias: y[t] = sum over k of W[:, :, k] x[t+k]. x (B,
// T, I), W (O, I, K) -> (B, T - K + 1, O)
mb_tensor mb_convolve(mb_graph *graph, mb_tensor x, mb_tensor filter);
// Sinusoidal embeddings of the positions t + 1 of x (B, T, D), D >= 4; zero where x[b, t, 0] is
// zero, which marks a padded frame. -> (B, T, D), without a gradient
mb_tensor mb_positions(mb_graph *graph, mb_tensor x);
mb_tensor mb_last_step(mb_graph *graph, mb_tensor x); // (B, T, D) -> (B, D)
// The last element of a recurrence: (B, T, D) -> (B, D) along time, (T, D) along the rows.
mb_tensor mb_last_along(mb_graph *graph, mb_tensor x, mb_recurrence way);
// Shifts a sequence by one: each element becomes the one before it, the first one zero. (B, T, D)
mb_tensor mb_delay_along(mb_graph *graph, mb_tensor x, mb_recurrence way);
// One direction of an LSTM that takes single steps from zero states, so that its forget gate and
// weight_hh have no effect.
typedef struct mb_decoder_cell {
    mb_tensor weight; // (4H, D + H)
    mb_tensor bias;   // (4H), the sum of its two biases
} mb_decoder_cell;
// Decoder with attention, for n = 0 ... N-2 along the recurrence:
//     context[n] = sum over m of alpha[n, m] x[m],  alpha[n] = softmax over m of
//                  v . tanh(W concat(query, x[m])),  query = state[n-1], or `start` for n = 0
//     state[n]   = sum over both cells of their hidden state on concat(y[n], context[n])
// Element N-1 is zero, as nothing follows it. y (B, T, D), x (B, T, H), start in the shape of
// mb_last_along, W (H, 2H), v (1, H) -> concat(state, context) (B, T, 2H)
mb_tensor mb_attention_decoder(mb_graph *graph, mb_tensor y, mb_tensor x, mb_tensor start,
                               mb_tensor attention, mb_tensor score, const mb_decoder_cell cells[2],
                               mb_recurrence way);
// Returns x. The weights count as if the loss depended on them, with gradients of exactly
// zero: they are trained, so weight decay changes them, where a tensor without a gradient
// would be skipped.
mb_tensor mb_idle_weights(mb_graph *graph, mb_tensor x, const mb_tensor *weights, int32_t count);
mb_tensor mb_add(mb_graph *graph, mb_tensor a, mb_tensor b); // same shapes
mb_tensor mb_multiply(mb_graph *graph, mb_tensor a, mb_tensor b);
mb_tensor mb_sigmoid(mb_graph *graph, mb_tensor x);
mb_tensor mb_tanh(mb_graph *graph, mb_tensor x);
// factor * (the slot's value, or 1 for MB_SLOT_NONE) * x
mb_tensor mb_scale(mb_graph *graph, mb_tensor x, double factor, mb_slot slot);
// The same numbers in another shape: (B, 6*H) -> (B, 6, H)
mb_tensor mb_reshape(mb_graph *graph, mb_tensor x, mb_shape shape);
// The mean over all elements of (a - b)^2, with gradients into both. -> (1)
mb_tensor mb_mean_squared_difference(mb_graph *graph, mb_tensor a, mb_tensor b);
// Lower bound of log p(y | mu, variance exp(logvar)), all (B, D): the mean over the valid rows of
// the sum of -(mu - y)^2 / (2 exp(logvar)), minus logvar / 2 with `logvar_term`. Gradients into all
// three. -> (1)
mb_tensor mb_gaussian_bound(mb_graph *graph, mb_tensor mu, mb_tensor y, mb_tensor logvar,
                            bool logvar_term);

typedef struct mb_unit_rule {
    double epsilon;     // added to the norm
    bool constant_norm; // whether the gradient treats the norm as a constant
    bool keep_zero;     // zero vectors stay zero, with gradient zero; otherwise 0/0 = NaN
} mb_unit_rule;
// Divides vectors by their L2 norms. (..., D) -> (..., D)
mb_tensor mb_unit_rows(mb_graph *graph, mb_tensor x, mb_unit_rule rule);

// Pairs of the K slices x[:, k] (B, D) of a tensor (B, K, D).
enum { MB_MAX_PAIRS = 8 };
typedef struct mb_pairs {
    int32_t count;
    uint8_t slices[MB_MAX_PAIRS][2];
} mb_pairs;
// x minus its mean over the valid rows of the batch.
mb_tensor mb_center(mb_graph *graph, mb_tensor x);
// How far from orthogonal the columns of pairs of slices are: the sum over the pairs (i, j) of the
// mean of (u_i^T u_j)^2 over its D*D elements, u_i = u[:, i] (B, D). (B, K, D) -> (1)
mb_tensor mb_overlap(mb_graph *graph, mb_tensor u, mb_pairs pairs);
// Central moment discrepancy: the mean over pairs (i, j) of slices of ||mean x_i - mean x_j|| + sum
// over k = 2 ... 5 of ||mean c_i^k - mean c_j^k||, with means over the valid rows, powers element
// by element, L2 norms over D. `centered` is mb_center(x). The gradient of a norm of 0 is 0/0 =
// NaN, or 0 with `zero_norm_gradient`. x, centered (B, K, D) -> (1)
mb_tensor mb_moment_discrepancy(mb_graph *graph, mb_tensor x, mb_tensor centered, mb_pairs pairs,
                                bool zero_norm_gradient);
// Contrastive loss of each row's own pair against all pairings in the batch: the mean over the
// valid rows b of -log softmax over j (<x[b], q[j]>)[b]. (B, D), (B, D) -> (1)
mb_tensor mb_contrastive(mb_graph *graph, mb_tensor x, mb_tensor q);
// Maximum mean discrepancy between the valid rows of a and b under k(x, y) = exp(-||x - y||^2 /
// D^2): mean k(a_i, a_j) + mean k(b_i, b_j) - 2 mean k(a_i, b_j), with a gradient into a only. (B,
// D) both -> (1)
mb_tensor mb_mean_discrepancy(mb_graph *graph, mb_tensor a, mb_tensor b);
// The mean over the valid rows of -log softmax(logits)[emotion]. (B, C), (B) -> (1)
mb_tensor mb_cross_entropy(mb_graph *graph, mb_tensor logits, mb_tensor emotions);
// The mean over the valid rows of (values - valence)^2. (B, 1), (B) -> (1)
mb_tensor mb_mean_squared_error(mb_graph *graph, mb_tensor values, mb_tensor valences);

#endif
