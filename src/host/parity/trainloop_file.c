// Parity of a whole training loop, with the start parameters and the orders of samples of the
// reference, without dropout.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merbench/device_cache.h"
#include "merbench/metrics.h"
#include "merbench/train.h"
#include "parity/files.h"
#include "parity/runner.h"

static const double prediction_limit = 1e-3, metric_limit = 1e-3;

typedef struct training_loop {
    mb_fixture *fixture;
    mb_parity_report *report;
    mb_fixture_data train, test;
    mb_device_cache cache;
    mb_cached_dataset train_samples, test_samples;
    mb_runner trainer;
    mb_runner on_train, on_test; // two evaluators, as the test set may be padded to another length
    const mb_dataset_rules *rules;
    int32_t folds, epochs, batch;
    // Of the current fold.
    int64_t *train_order, *eval_order; // (epochs, n)
    int32_t train_count, eval_count;
    uint32_t step;
    double best;
    int32_t best_epoch;
    mb_predictions best_test;
    mb_predictions *fold_tests; // (folds) test predictions of the best epochs
} training_loop;

static mb_status find_rules(training_loop *loop, mb_error *error) {
    char *dataset = NULL;
    mb_status status = mb_h5_attribute_text(loop->fixture->h5, "/", "dataset", &dataset, error);
    if (status != MB_OK)
        return status;
    // "MOSI" is the toolkit's short name for CMU-MOSI.
    loop->rules = mb_dataset_find(strcmp(dataset, "MOSI") == 0 ? "CMUMOSI" : dataset);
    if (loop->rules == NULL)
        status = mb_fail(error, MB_UNSUPPORTED, "%s: unknown dataset '%s'", loop->fixture->path,
                         dataset);
    free(dataset);
    return status;
}

// The heads of the model are those of the dataset, by whose rules it is scored.
static mb_status check_heads(const training_loop *loop, mb_error *error) {
    const mb_model_config *config = &loop->fixture->config;
    if (config->class_count == loop->rules->class_count &&
        config->value_count == loop->rules->value_count)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: /: expected output_dim1 %d and output_dim2 %d, as %s has, found %d and %d",
                   loop->fixture->path, loop->rules->class_count, loop->rules->value_count,
                   loop->rules->name, config->class_count, config->value_count);
}

static mb_status read_count(const training_loop *loop, const char *attribute, int32_t most,
                            int32_t *count, mb_error *error) {
    double value = 0;
    mb_status status =
        mb_fixture_attribute(loop->fixture, "/", attribute, 1, most, true, &value, error);
    *count = status == MB_OK ? (int32_t)value : 0;
    return status;
}

static mb_status read_order(const training_loop *loop, const char *name, int64_t **order,
                            int32_t *count, mb_error *error) {
    int rank = 0;
    int64_t dims[8];
    mb_status status = mb_fixture_integers(loop->fixture, name, 0, loop->train.count - 1, order,
                                           &rank, dims, error);
    if (status != MB_OK)
        return status;
    if (rank != 2 || dims[0] != loop->epochs || dims[1] < 1 || dims[1] > loop->train.count)
        return mb_fixture_wrong_shape(loop->fixture, name, rank, dims, error,
                                      "%d epochs of 1 to %d samples", loop->epochs,
                                      loop->train.count);
    *count = (int32_t)dims[1];
    return MB_OK;
}

// ---- predictions ------------------------------------------------------------------------------

static mb_status predictions_open(const training_loop *loop, int32_t count,
                                  mb_predictions *predictions, mb_error *error) {
    size_t classes = (size_t)loop->fixture->config.class_count, n = (size_t)count;
    *predictions = (mb_predictions){.count = count};
    if (classes > 0)
        predictions->logits = calloc(n * classes + 1, sizeof(float));
    if (loop->fixture->config.value_count > 0)
        predictions->values = calloc(n + 1, sizeof(float));
    bool missing = (classes > 0 && predictions->logits == NULL) ||
                   (loop->fixture->config.value_count > 0 && predictions->values == NULL);
    return missing ? mb_out_of_memory(error, "predictions") : MB_OK;
}

static void predictions_free(mb_predictions *predictions) {
    free(predictions->logits);
    free(predictions->values);
    *predictions = (mb_predictions){0};
}

static mb_status take(mb_runner *evaluator, mb_location location, int32_t rows, float *to,
                      mb_error *error) {
    float *values = NULL;
    int64_t count = 0;
    mb_status status = mb_runner_result(evaluator, location, rows, &values, &count, error);
    if (status == MB_OK && values != NULL && to != NULL)
        memcpy(to, values, (size_t)count * sizeof *to);
    free(values);
    return status;
}

// Predicts samples in batches, in the order `order`; `auxiliary` receives the loss of each batch.
static mb_status evaluate(training_loop *loop, const mb_fixture_data *data, const int32_t *order,
                          int32_t count, mb_predictions *predictions, float *auxiliary,
                          mb_error *error) {
    bool test = data == &loop->test;
    mb_runner *evaluator = test ? &loop->on_test : &loop->on_train;
    const mb_dataset *dataset = test ? &loop->test_samples.dataset : &loop->train_samples.dataset;
    const mb_plan_info *info = mb_plan_get(evaluator->plan);
    mb_status status = MB_OK;
    for (int32_t first = 0, batch = 0; status == MB_OK && first < count;
         first += loop->batch, batch++) {
        int32_t rows = count - first < loop->batch ? count - first : loop->batch;
        float *logits = predictions->logits, *values = predictions->values;
        if (logits != NULL)
            logits += (int64_t)first * loop->fixture->config.class_count;
        if (values != NULL)
            values += first;
        status = mb_runner_run(evaluator, dataset, order + first, rows, 0, error);
        if (status == MB_OK)
            status = take(evaluator, info->emos_out, rows, logits, error);
        if (status == MB_OK)
            status = take(evaluator, info->vals_out, rows, values, error);
        auxiliary[batch] = 0.0f;
        if (status == MB_OK)
            status = take(evaluator, info->interloss, rows, &auxiliary[batch], error);
    }
    return status;
}

// ---- comparison of an epoch -------------------------------------------------------------------

static mb_status compare_attribute(training_loop *loop, const char *group, const char *attribute,
                                   double found, double limit, mb_error *error) {
    double expected = 0;
    if (!isfinite(found) || !mb_h5_has_attribute(loop->fixture->h5, group, attribute))
        return MB_OK; // the reference reports only scores of labels that the dataset has
    mb_status status =
        mb_h5_attribute_number(loop->fixture->h5, group, attribute, &expected, error);
    if (status == MB_OK)
        mb_parity_compare_number(mb_parity_group_of(loop->report, "losses and metrics"),
                                 mb_path_of(group, attribute).text, found, expected,
                                 fmax(limit, loop->fixture->least_limit));
    return status;
}

static mb_status compare_scores(training_loop *loop, const char *group, const char *part,
                                const mb_scores *scores, mb_error *error) {
    char name[64];
    snprintf(name, sizeof name, "%semofscore", part);
    mb_status status = compare_attribute(loop, group, name, scores->waf, metric_limit, error);
    snprintf(name, sizeof name, "%semoacc", part);
    if (status == MB_OK)
        status = compare_attribute(loop, group, name, scores->acc, metric_limit, error);
    snprintf(name, sizeof name, "%svalmse", part);
    if (status == MB_OK && loop->rules->class_count > 0 && loop->rules->value_count > 0)
        status = compare_attribute(loop, group, name, scores->mse, metric_limit, error);
    return status;
}

// Evaluates one part, compares its loss and scores with those in the file, and returns both.
static mb_status check_part(training_loop *loop, const char *group, const char *part,
                            const mb_fixture_data *data, int32_t *order, int32_t count,
                            mb_predictions *predictions, mb_scores *scores, double *loss,
                            mb_error *error) {
    float *auxiliary = malloc(((size_t)count + 1) * sizeof *auxiliary);
    mb_status status = auxiliary == NULL
                           ? mb_out_of_memory(error, "parity")
                           : evaluate(loop, data, order, count, predictions, auxiliary, error);
    if (status == MB_OK) {
        mb_tally tally;
        mb_tally_rows rows = {.count = count,
                              .batch_size = loop->batch,
                              .class_count = loop->fixture->config.class_count,
                              .utterances = order,
                              .emotions = data->emotions,
                              .valences = data->valences,
                              .logits = predictions->logits,
                              .values = predictions->values,
                              .auxiliary = auxiliary};
        char name[64];
        mb_tally_make(&rows, &tally);
        mb_scores_of_tally(mb_dataset_labels(loop->rules), &tally, scores);
        *loss = tally.loss;
        snprintf(name, sizeof name, "%s_loss", part);
        status = compare_attribute(loop, group, name, *loss, prediction_limit, error);
        snprintf(name, sizeof name, "%s_", part);
        if (status == MB_OK)
            status = compare_scores(loop, group, name, scores, error);
    }
    free(auxiliary);
    return status;
}

static mb_status compare_predictions(training_loop *loop, const char *name, const float *found,
                                     int32_t width, mb_error *error) {
    if (found == NULL || !mb_h5_has(loop->fixture->h5, name))
        return MB_OK;
    float *reference = NULL;
    double limit = 0;
    int64_t count = (int64_t)loop->test.count * width;
    mb_status status = mb_fixture_floats(loop->fixture, name, count, &reference, error);
    if (status == MB_OK)
        status = mb_fixture_limit(loop->fixture, name, prediction_limit, &limit, error);
    if (status == MB_OK)
        mb_parity_compare(mb_parity_group_of(loop->report, "predictions"), name, found, reference,
                          count, limit);
    free(reference);
    return status;
}

// ---- epochs and folds -------------------------------------------------------------------------

static int32_t *as_indices(const int64_t *order, int32_t count) {
    int32_t *indices = malloc(((size_t)count + 1) * sizeof *indices);
    for (int32_t i = 0; indices != NULL && i < count; i++)
        indices[i] = order != NULL ? (int32_t)order[i] : i;
    return indices;
}

static mb_status train_epoch(training_loop *loop, int32_t epoch, const char *group,
                             mb_error *error) {
    int32_t *order =
        as_indices(loop->train_order + (int64_t)epoch * loop->train_count, loop->train_count);
    mb_status status = order == NULL ? mb_out_of_memory(error, "parity") : MB_OK;
    double sum = 0.0;
    int32_t batches = 0;
    for (int32_t first = 0; status == MB_OK && first < loop->train_count;
         first += loop->batch, batches++) {
        int32_t left = loop->train_count - first, rows = left < loop->batch ? left : loop->batch;
        float *total = NULL;
        int64_t count = 0;
        status = mb_runner_run(&loop->trainer, &loop->train_samples.dataset, order + first, rows,
                               loop->step++, error);
        if (status == MB_OK)
            status = mb_runner_result(&loop->trainer, mb_plan_get(loop->trainer.plan)->total, rows,
                                      &total, &count, error);
        sum += status == MB_OK ? (double)total[0] : 0.0;
        free(total);
    }
    free(order);
    if (status == MB_OK)
        status =
            compare_attribute(loop, group, "train_loss", sum / batches, prediction_limit, error);
    return status;
}

static void keep_best(training_loop *loop, int32_t epoch, double metric, mb_predictions *test) {
    if (epoch > 0 && !(metric > loop->best))
        return;
    loop->best = metric;
    loop->best_epoch = epoch;
    predictions_free(&loop->best_test);
    loop->best_test = *test;
    *test = (mb_predictions){0};
}

static mb_status check_epoch(training_loop *loop, const char *fold, int32_t epoch,
                             mb_error *error) {
    char name[32];
    snprintf(name, sizeof name, "epoch_%d", epoch);
    mb_path group = mb_path_of(fold, name);
    mb_predictions eval = {0}, test = {0};
    mb_scores eval_scores, test_scores;
    double eval_loss = 0, test_loss = 0;
    int32_t *eval_order =
        as_indices(loop->eval_order + (int64_t)epoch * loop->eval_count, loop->eval_count);
    int32_t *test_order = as_indices(NULL, loop->test.count);
    mb_status status = eval_order == NULL || test_order == NULL
                           ? mb_out_of_memory(error, "parity")
                           : train_epoch(loop, epoch, group.text, error);
    if (status == MB_OK)
        status = predictions_open(loop, loop->eval_count, &eval, error);
    if (status == MB_OK)
        status = predictions_open(loop, loop->test.count, &test, error);
    if (status == MB_OK)
        status = check_part(loop, group.text, "eval", &loop->train, eval_order, loop->eval_count,
                            &eval, &eval_scores, &eval_loss, error);
    if (status == MB_OK)
        status = check_part(loop, group.text, "test", &loop->test, test_order, loop->test.count,
                            &test, &test_scores, &test_loss, error);
    if (status == MB_OK)
        status = compare_predictions(loop, mb_path_of(group.text, "test_emo_logits").text,
                                     test.logits, loop->fixture->config.class_count, error);
    if (status == MB_OK)
        status = compare_predictions(loop, mb_path_of(group.text, "test_val_preds").text,
                                     test.values, 1, error);
    if (status == MB_OK)
        keep_best(loop, epoch, mb_selection_value(loop->rules->selection, &eval_scores, eval_loss),
                  &test);
    predictions_free(&eval);
    predictions_free(&test);
    free(eval_order);
    free(test_order);
    return status;
}

static mb_status check_fold(training_loop *loop, int32_t fold, mb_error *error) {
    char name[32];
    double best_epoch = 0;
    snprintf(name, sizeof name, "/fold_%d", fold);
    loop->step = 0;
    mb_status status =
        mb_runner_load(&loop->trainer, loop->fixture, mb_path_of(name, "params").text, error);
    if (status == MB_OK)
        status = read_order(loop, mb_path_of(name, "train_order").text, &loop->train_order,
                            &loop->train_count, error);
    if (status == MB_OK)
        status = read_order(loop, mb_path_of(name, "eval_order").text, &loop->eval_order,
                            &loop->eval_count, error);
    for (int32_t epoch = 0; status == MB_OK && epoch < loop->epochs; epoch++)
        status = check_epoch(loop, name, epoch, error);
    free(loop->train_order);
    free(loop->eval_order);
    loop->train_order = loop->eval_order = NULL;
    if (status == MB_OK)
        status = mb_fixture_attribute(loop->fixture, name, "best_epoch", 0, loop->epochs - 1, true,
                                      &best_epoch, error);
    if (status == MB_OK && loop->best_epoch != (int32_t)best_epoch)
        mb_parity_add_finding(loop->report,
                              "%s: expected best epoch %d as in the reference, found %d", name,
                              (int)best_epoch, loop->best_epoch);
    loop->fold_tests[fold] = loop->best_test;
    loop->best_test = (mb_predictions){0};
    return status;
}

// Averages one head over the folds and compares it.
static mb_status check_average(training_loop *loop, int32_t width, bool logits, float *average,
                               mb_error *error) {
    const float **folds = calloc((size_t)loop->folds, sizeof *folds);
    if (folds == NULL)
        return mb_out_of_memory(error, "parity");
    for (int32_t f = 0; f < loop->folds; f++)
        folds[f] = logits ? loop->fold_tests[f].logits : loop->fold_tests[f].values;
    mb_average_folds(loop->folds, loop->test.count, width, folds, 0, average);
    free(folds);
    return compare_predictions(loop, logits ? "/final_test_logits" : "/final_test_vals", average,
                               width, error);
}

static mb_status check_final(training_loop *loop, mb_error *error) {
    mb_predictions average = {0};
    mb_scores scores;
    mb_status status = predictions_open(loop, loop->test.count, &average, error);
    if (status == MB_OK && average.logits != NULL)
        status =
            check_average(loop, loop->fixture->config.class_count, true, average.logits, error);
    if (status == MB_OK && average.values != NULL)
        status = check_average(loop, 1, false, average.values, error);
    if (status == MB_OK) {
        mb_scores_of(mb_dataset_labels(loop->rules), loop->test.count, loop->test.emotions,
                     loop->test.valences, average.logits, average.values, &scores);
        status = compare_scores(loop, "/", "test_", &scores, error);
    }
    predictions_free(&average);
    return status;
}

// Opens an evaluator of the trained parameters, for samples of the fixture's current shapes. These
// may have other numbers of frames than the training samples, but not other dimensions.
static mb_status evaluator_open(training_loop *loop, mb_device *device, mb_runner *evaluator,
                                mb_error *error) {
    mb_status status = mb_runner_open(device, loop->fixture, MB_PLAN_EVALUATE, MB_DROPOUT_OFF,
                                      loop->batch, evaluator, error);
    if (status == MB_OK)
        status = mb_runner_borrow(evaluator, &loop->trainer, loop->fixture->path, error);
    return status;
}

static mb_status loop_open(training_loop *loop, mb_device *device, mb_error *error) {
    loop->cache = (mb_device_cache){.device = device};
    mb_status status = find_rules(loop, error);
    if (status == MB_OK)
        status = check_heads(loop, error);
    if (status == MB_OK)
        status = read_count(loop, "folds", 1000, &loop->folds, error);
    if (status == MB_OK)
        status = read_count(loop, "epochs", 100000, &loop->epochs, error);
    if (status == MB_OK)
        status = read_count(loop, "batch_size", 65536, &loop->batch, error);
    if (status == MB_OK)
        status = mb_fixture_read(loop->fixture, "/train", 1, &loop->train, error);
    if (status == MB_OK)
        status =
            mb_cached_dataset_open(&loop->cache, &loop->train.dataset, &loop->train_samples, error);
    if (status == MB_OK)
        status = mb_runner_open(device, loop->fixture, MB_PLAN_TRAIN, MB_DROPOUT_OFF, loop->batch,
                                &loop->trainer, error);
    if (status == MB_OK)
        status = evaluator_open(loop, device, &loop->on_train, error);
    if (status == MB_OK)
        status = mb_fixture_shapes(loop->fixture, "/test", 1, error);
    if (status == MB_OK)
        status = mb_fixture_read(loop->fixture, "/test", 1, &loop->test, error);
    if (status == MB_OK)
        status =
            mb_cached_dataset_open(&loop->cache, &loop->test.dataset, &loop->test_samples, error);
    if (status == MB_OK)
        status = evaluator_open(loop, device, &loop->on_test, error);
    loop->fold_tests = calloc((size_t)loop->folds + 1, sizeof *loop->fold_tests);
    return status == MB_OK && loop->fold_tests == NULL ? mb_out_of_memory(error, "parity") : status;
}

mb_status mb_parity_trainloop_file(mb_device *device, mb_fixture *fixture, mb_parity_report *report,
                                   mb_error *error) {
    training_loop loop = {.fixture = fixture, .report = report};
    mb_status status = mb_fixture_shapes(fixture, "/train", 1, error);
    if (status == MB_OK)
        status = loop_open(&loop, device, error);
    for (int32_t fold = 0; status == MB_OK && fold < loop.folds; fold++)
        status = check_fold(&loop, fold, error);
    if (status == MB_OK)
        status = check_final(&loop, error);
    for (int32_t fold = 0; loop.fold_tests != NULL && fold < loop.folds; fold++)
        predictions_free(&loop.fold_tests[fold]);
    free(loop.fold_tests);
    predictions_free(&loop.best_test);
    mb_runner_close(&loop.on_train);
    mb_runner_close(&loop.on_test);
    mb_runner_close(&loop.trainer);
    mb_cached_dataset_close(&loop.train_samples);
    mb_cached_dataset_close(&loop.test_samples);
    mb_fixture_data_free(&loop.train);
    mb_fixture_data_free(&loop.test);
    return status == MB_OK ? mb_parity_verdict(report) : status;
}
