// Parity on every instruction set, and that it notices differences.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>

#include "parity/parity.h"

static const char *const files[] = {
    MB_FIXTURES "/attention/small.h5",
    MB_FIXTURES "/attention/odd.h5",
    MB_FIXTURES "/attention/batch1.h5",
    MB_FIXTURES "/attention/dropout.h5",
    MB_FIXTURES "/attention/frames.h5",
    MB_FIXTURES "/attention/frames_align.h5",
    MB_FIXTURES "/attention_topn/batch1.h5",
    MB_FIXTURES "/attention_topn/text_video_top2.h5",
    MB_FIXTURES "/attention_topn/top1.h5",
    MB_FIXTURES "/attention_topn/top2.h5",
    MB_FIXTURES "/attention_topn/top6_regression.h5",
    MB_FIXTURES "/lmf/odd.h5",
    MB_FIXTURES "/lmf/dropout.h5",
    MB_FIXTURES "/lmf/frames_align.h5",
    MB_FIXTURES "/tfn/odd.h5",
    MB_FIXTURES "/tfn/dropout.h5",
    MB_FIXTURES "/tfn/frames_align.h5",
    MB_FIXTURES "/mult/dropout.h5",
    MB_FIXTURES "/mult/unalign_k1_l4.h5",
    MB_FIXTURES "/mfn/dropout.h5",
    MB_FIXTURES "/mfn/small.h5",
    MB_FIXTURES "/mfn/t1.h5",
    MB_FIXTURES "/graph_mfn/dropout.h5",
    MB_FIXTURES "/graph_mfn/t1.h5",
    MB_FIXTURES "/mfm/dropout.h5",
    MB_FIXTURES "/mfm/t1.h5",
    MB_FIXTURES "/trainloop/lmf_mosi.h5",
    MB_FIXTURES "/misa/dropout.h5",
    MB_FIXTURES "/mmim/batch1.h5",
    MB_FIXTURES "/mmim/cpc4.h5",
    MB_FIXTURES "/mmim/dropout.h5",
    MB_FIXTURES "/trainloop/attention_mer2023.h5",
    MB_FIXTURES "/trainloop/mmim_mer2023.h5",
    MB_FIXTURES "/mctn/batch1.h5",
    MB_FIXTURES "/mctn/dropout.h5",
    MB_FIXTURES "/trainloop/mctn_mosi.h5",
};

static void test_fixtures_hold(void **state) {
    (void)state;
    static const char *const isas[] = {"portable", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        mb_device *device = NULL;
        if (mb_cpu_open(isas[i], &device, NULL) != MB_OK) {
            print_message("this processor has no %s\n", isas[i]);
            continue;
        }
        for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
            mb_parity_report report;
            mb_error error = {.message = ""};
            mb_status status = mb_parity_file(device, files[f], &report, &error);
            if (status != MB_OK)
                fail_msg("%s on %s: %s%s", files[f], isas[i], error.message, report.finding);
            assert_true(report.group_count >= 2);
        }
        device->backend->close(device);
    }
}

// ---- changed files ----------------------------------------------------------------------------

static void copy_file(const char *from, const char *to) {
    FILE *source = fopen(from, "rb"), *target = fopen(to, "wb");
    assert_non_null(source);
    assert_non_null(target);
    char buffer[65536];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, source)) > 0;)
        assert_int_equal(fwrite(buffer, 1, n, target), n);
    fclose(source);
    assert_int_equal(fclose(target), 0);
}

// Adds `change` to the first number of a dataset of floats; of a mask, flips the first element.
static void change_number(const char *path, const char *name, float change) {
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
    hid_t type = H5Dget_type(dataset);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    float *values = malloc((size_t)count * sizeof *values);
    assert_true(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    bool mask = H5Tget_class(type) == H5T_INTEGER;
    values[0] = mask ? 1.0f - values[0] : values[0] + change;
    assert_true(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    free(values);
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
}

static mb_status check_changed(const char *source, const char *dataset, float change,
                               mb_parity_report *report, mb_error *error) {
    char path[] = "/tmp/merbench-parity-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    copy_file(source, path);
    change_number(path, dataset, change);
    mb_device *device = NULL;
    assert_int_equal(mb_cpu_open(NULL, &device, error), MB_OK);
    mb_status status = mb_parity_file(device, path, report, error);
    device->backend->close(device);
    unlink(path);
    return status;
}

static void assert_group_fails(const mb_parity_report *report, const char *name) {
    for (int32_t i = 0; i < report->group_count; i++)
        if (strcmp(report->groups[i].name, name) == 0) {
            assert_true(report->groups[i].failed > 0);
            assert_true(report->groups[i].worst_error > report->groups[i].worst_limit);
            return;
        }
    fail_msg("no group %s", name);
}

static void test_differences_are_found(void **state) {
    (void)state;
    static const struct {
        const char *file, *dataset, *group;
    } changes[] = {
        {"/attention/small.h5", "/outputs/features", "outputs"},
        {"/attention/small.h5", "/outputs/ce", "losses"},
        {"/attention/small.h5", "/grads/fc_att.bias", "gradients"},
        {"/attention/small.h5", "/adam/params/fc_out_1.weight", "adam parameters"},
        {"/attention/small.h5", "/adam/losses", "adam losses"},
        {"/attention_topn/top6_regression.h5", "/inputs/feat17", "outputs"},
        {"/attention_topn/top6_regression.h5", "/grads/encoder17.linear_1.weight", "gradients"},
        {"/attention/dropout.h5", "/noise/dropout/0003", "outputs"},
        {"/graph_mfn/t1.h5", "/frozen/graph_mfn.networks.012.0.bias", "outputs"},
        {"/graph_mfn/t1.h5", "/frozen_grads/graph_mfn.networks.01.0.bias", "gradients"},
        {"/mfm/t1.h5", "/noise/randn_3_zy", "losses"},
        {"/mfm/t1.h5", "/adam/noise/randn_1_za", "adam losses"},
        {"/mfn/dropout.h5", "/noise/dropout/0003", "outputs"},
        {"/attention/frames.h5", "/params/text_encoder.rnn.bias_hh_l0", "outputs"},
        {"/trainloop/attention_mer2023.h5", "/final_test_vals", "predictions"},
        {"/mult/unalign_k1_l4.h5", "/adam/params/proj_a.weight", "adam parameters"},
        {"/mult/unalign_k1_l4.h5", "/grads/trans_a_mem.layers.0.self_attn.in_proj_bias",
         "gradients"}, // the bias of the queries, as that of the keys is not compared
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char source[512];
        mb_parity_report report;
        mb_error error = {.message = ""};
        snprintf(source, sizeof source, MB_FIXTURES "%s", changes[i].file);
        assert_int_equal(check_changed(source, changes[i].dataset, 0.7f, &report, &error),
                         MB_BAD_INPUT);
        assert_group_fails(&report, changes[i].group);
    }
}

static void test_missing_gradient_is_found(void **state) {
    (void)state;
    char path[] = "/tmp/merbench-parity-XXXXXX";
    int descriptor = mkstemp(path);
    close(descriptor);
    copy_file(MB_FIXTURES "/attention/small.h5", path);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Ldelete(file, "/params/fc_att.bias", H5P_DEFAULT) >= 0);
    H5Fclose(file);
    mb_device *device = NULL;
    mb_parity_report report;
    mb_error error = {.message = ""};
    assert_int_equal(mb_cpu_open(NULL, &device, &error), MB_OK);
    assert_int_equal(mb_parity_file(device, path, &report, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "fc_att.bias"));
    device->backend->close(device);
    unlink(path);
}

// ---- a training loop on frames ----------------------------------------------------------------

static void write_attribute(hid_t file, const char *object, const char *name, double value) {
    hid_t space = H5Screate(H5S_SCALAR);
    if (H5Aexists_by_name(file, object, name, H5P_DEFAULT) > 0)
        assert_true(H5Adelete_by_name(file, object, name, H5P_DEFAULT) >= 0);
    hid_t attribute = H5Acreate_by_name(file, object, name, H5T_IEEE_F64LE, space, H5P_DEFAULT,
                                        H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, H5T_NATIVE_DOUBLE, &value) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

static void write_text_attribute(hid_t file, const char *name, const char *text) {
    hid_t space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text) + 1);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, type, text) >= 0);
    H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
}

// The samples of /train/NAME without their first `cut` frames, as /test/NAME.
static void write_shorter(hid_t file, const char *name, hsize_t cut) {
    char from[32], to[32];
    hsize_t dims[3], start[3] = {0, cut, 0};
    snprintf(from, sizeof from, "/train/%s", name);
    snprintf(to, sizeof to, "/test/%s", name);
    hid_t source = H5Dopen2(file, from, H5P_DEFAULT), space = H5Dget_space(source);
    assert_int_equal(H5Sget_simple_extent_dims(space, dims, NULL), 3);
    dims[1] -= cut;
    float *values = malloc(dims[0] * dims[1] * dims[2] * sizeof *values);
    hid_t shorter = H5Screate_simple(3, dims, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, dims, NULL);
    assert_true(H5Dread(source, H5T_NATIVE_FLOAT, shorter, space, H5P_DEFAULT, values) >= 0);
    hid_t target =
        H5Dcreate2(file, to, H5T_IEEE_F32LE, shorter, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(target, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    free(values);
    H5Dclose(target);
    H5Dclose(source);
    H5Sclose(shorter);
    H5Sclose(space);
}

static void write_order(hid_t file, const char *name) {
    const hsize_t dims[2] = {1, 6};
    static const int64_t order[6] = {0, 1, 2, 3, 4, 5};
    hid_t space = H5Screate_simple(2, dims, NULL);
    hid_t dataset =
        H5Dcreate2(file, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, order) >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
}

// Multiplies all numbers of a dataset; returns the mean square of the products.
static double scale_numbers(hid_t file, const char *name, float factor) {
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
    size_t count = (size_t)H5Sget_simple_extent_npoints(space);
    float *values = malloc(count * sizeof *values);
    double squares = 0;
    assert_true(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    for (size_t i = 0; i < count; i++) {
        values[i] *= factor;
        squares += (double)values[i] * (double)values[i];
    }
    assert_true(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    free(values);
    H5Sclose(space);
    H5Dclose(dataset);
    return squares / (double)count;
}

// Turns the file of a model on frames into a training loop of one epoch with learning rate 0. The
// head is magnified and the labels are 0, so that the training and selection losses are the mean
// square of the values of the reference.
static void make_loop(const char *path) {
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    double loss = scale_numbers(file, "/outputs/vals_out", 100);
    scale_numbers(file, "/params/fc_out_2.weight", 100);
    scale_numbers(file, "/params/fc_out_2.bias", 100);
    scale_numbers(file, "/inputs/val", 0);
    const char *const groups[] = {"/test", "/fold_0", "/fold_0/epoch_0"};
    for (int i = 0; i < 3; i++)
        H5Gclose(H5Gcreate2(file, groups[i], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    assert_true(H5Lmove(file, "/inputs", file, "/train", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lmove(file, "/params", file, "/fold_0/params", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    write_shorter(file, "audio", 4);
    write_shorter(file, "text", 2);
    write_shorter(file, "video", 7);
    assert_true(H5Ocopy(file, "/train/emo", file, "/test/emo", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Ocopy(file, "/train/val", file, "/test/val", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    write_order(file, "/fold_0/train_order");
    write_order(file, "/fold_0/eval_order");
    write_text_attribute(file, "dataset", "CMUMOSI");
    write_attribute(file, "/", "folds", 1);
    write_attribute(file, "/", "epochs", 1);
    write_attribute(file, "/", "batch_size", 6);
    write_attribute(file, "/", "lr", 0);
    write_attribute(file, "/fold_0", "best_epoch", 0);
    write_attribute(file, "/fold_0/epoch_0", "train_loss", loss);
    write_attribute(file, "/fold_0/epoch_0", "eval_loss", loss);
    H5Fclose(file);
}

static void test_parts_of_different_lengths(void **state) {
    (void)state;
    char path[] = "/tmp/merbench-parity-XXXXXX";
    int descriptor = mkstemp(path);
    close(descriptor);
    copy_file(MB_FIXTURES "/attention/frames.h5", path);
    make_loop(path);
    mb_device *device = NULL;
    mb_parity_report report;
    mb_error error = {.message = ""};
    assert_int_equal(mb_cpu_open(NULL, &device, &error), MB_OK);
    mb_status status = mb_parity_file(device, path, &report, &error);
    if (status != MB_OK)
        fail_msg("%s%s, worst %s: %g", error.message, report.finding, report.groups[0].worst_tensor,
                 report.groups[0].worst_error);
    assert_int_equal(report.groups[0].compared, 2);
    device->backend->close(device);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures_hold),
        cmocka_unit_test(test_differences_are_found),
        cmocka_unit_test(test_missing_gradient_is_found),
        cmocka_unit_test(test_parts_of_different_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
