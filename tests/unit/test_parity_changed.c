// Fixtures with one change each: every dataset is removed, shortened, widened, given another type
// or other values, and so is every attribute. The reader must refuse the file or compare it, with a
// message that names the place, and must not crash; run this under AddressSanitizer.
#include <math.h>
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

// One file of each kind. Of the many members of a group, the first and the last are changed.
static const char *const files[] = {
    "/attention/dropout.h5",           // a model with masks
    "/attention/batch1.h5",            // with Adam steps
    "/graph_mfn/t1.h5",                // with frozen parameters
    "/mfm/t1.h5",                      // with noise
    "/trainloop/lmf_mosi.h5",          // a training loop of a dataset with values
    "/trainloop/attention_mer2023.h5", // of a dataset with classes and values, with folds
    "/dataops/align.h5",
    "/dataops/mapping.h5",
    "/dataops/splits.h5",
    "/metrics/metrics.h5",
};
enum { FIRST = 1, LAST = 1 };

// Datasets that are not read.
static const char *const unread[] = {"train_metric",  "eval_metric", "session",
                                     "pad_to_maxlen", "fold_emoacc", "fold_emofscore",
                                     "fold_valmse",   "fold_eval",   "sample_weight"};

typedef enum alteration {
    REMOVED,
    A_GROUP,
    EMPTY,
    SHORTER,
    WIDER,
    MORE_AXES,
    STRINGS,
    REALS,      // one half, where integers are expected
    LARGE,      // a million
    NEGATIVE,   // -7
    NOT_FINITE, // NaN
    CHANGES,
} alteration;
static const char *const change_names[] = {"removed", "a group",   "empty",     "shorter",
                                           "wider",   "more axes", "strings",   "reals",
                                           "large",   "negative",  "not finite"};

typedef struct spot {
    char *object, *attribute; // attribute NULL: the dataset itself
} spot;

typedef struct places {
    spot *items;
    int count;
} places;

static void add_place(places *list, const char *object, const char *attribute) {
    list->items = realloc(list->items, (size_t)(list->count + 1) * sizeof *list->items);
    assert_non_null(list->items);
    list->items[list->count++] =
        (spot){strdup(object), attribute != NULL ? strdup(attribute) : NULL};
}

// All attributes of the root, and the first and the last of any other object.
static void list_attributes(hid_t object, places *list) {
    char path[512], name[128];
    H5O_info_t info;
    H5Iget_name(object, path, sizeof path);
    assert_true(H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS) >= 0);
    for (hsize_t i = 0; i < info.num_attrs; i++) {
        if (strcmp(path, "/") != 0 && i >= FIRST && i + LAST < info.num_attrs)
            continue;
        H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
                           H5P_DEFAULT);
        add_place(list, path, name);
    }
}

static herr_t count_member(hid_t group, const char *name, const H5L_info_t *info, void *data) {
    (void)group, (void)name, (void)info;
    ++*(int *)data;
    return 0;
}

typedef struct walk {
    places *list;
    int position, count;
} walk;

static void list_group(hid_t file, const char *path, places *list);

static herr_t add_member(hid_t group, const char *name, const H5L_info_t *info, void *data) {
    (void)info;
    walk *w = data;
    char path[512];
    ssize_t length = H5Iget_name(group, path, sizeof path);
    snprintf(path + length, sizeof path - (size_t)length, "%s%s", length > 1 ? "/" : "", name);
    int position = w->position++;
    if (strcmp(name, "fold_1") == 0 || strcmp(name, "fold_2") == 0 || strcmp(name, "fold_3") == 0)
        return 0;
    if (position >= FIRST && position < w->count - LAST)
        return 0;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    bool dataset = H5Iget_type(object) == H5I_DATASET;
    if (dataset)
        add_place(w->list, path, NULL);
    if (position == 0 && dataset)
        list_attributes(object, w->list);
    H5Oclose(object);
    if (!dataset)
        list_group(group, path, w->list);
    return 0;
}

static void list_group(hid_t file, const char *path, places *list) {
    hid_t group = H5Gopen2(file, path, H5P_DEFAULT);
    walk w = {.list = list};
    list_attributes(group, list);
    H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, count_member, &w.count);
    enum { MANY = 20 };
    if (w.count < MANY && (strcmp(path, "/") == 0 || strncmp(path, "/fold_", 6) == 0 ||
                           strcmp(path, "/outputs") == 0 || strcmp(path, "/inputs") == 0))
        // these are different from each other
        w.count = 0;
    H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_member, &w);
    H5Gclose(group);
}

static void list_free(places *list) {
    for (int i = 0; i < list->count; i++) {
        free(list->items[i].object);
        free(list->items[i].attribute);
    }
    free(list->items);
}

// ---- changes ----------------------------------------------------------------------------------

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

// The number that a change puts everywhere; `now` if it leaves the numbers alone.
static double number_after(alteration change, double now) {
    return change == REALS        ? 0.5
           : change == LARGE      ? 1e6
           : change == NEGATIVE   ? -7.0
           : change == NOT_FINITE ? (double)NAN
                                  : now;
}

static hid_t type_after(alteration change, hid_t before) {
    if (change == STRINGS) {
        hid_t type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, 8);
        return type;
    }
    if (change == REALS || change == NOT_FINITE || H5Tget_class(before) == H5T_FLOAT)
        return H5Tcopy(H5T_IEEE_F64LE);
    return H5Tcopy(change == LARGE || change == NEGATIVE ? H5T_STD_I64LE : before);
}

// False: the change does not apply.
static bool shape_after(alteration change, int *rank, hsize_t dims[10]) {
    switch (change) {
    case EMPTY:
    case SHORTER:
        if (*rank == 0)
            return false;
        dims[0] = change == EMPTY ? 0 : dims[0] - 1;
        return true;
    case WIDER:
        if (*rank == 0) // a scalar and a vector of one number are the same
            dims[(*rank)++] = 1;
        dims[*rank - 1] += 1;
        return true;
    case MORE_AXES:
        dims[(*rank)++] = 2;
        return true;
    default:
        return true;
    }
}

// Writes a dataset of `count` numbers, those of `values` where they are known, or of strings.
static void write_values(hid_t dataset, hid_t type, alteration change, const double *values,
                         hsize_t known, hsize_t count) {
    double *numbers = calloc(count + 1, sizeof *numbers);
    char(*texts)[8] = calloc(count + 1, sizeof *texts);
    for (hsize_t i = 0; i < count; i++)
        numbers[i] = number_after(change, i < known ? values[i] : 0.0);
    if (count > 0 && H5Tget_class(type) == H5T_STRING)
        assert_true(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) >= 0);
    else if (count > 0)
        assert_true(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) >=
                    0);
    free(numbers);
    free(texts);
}

// The masks of dropout have the name of their site.
static void copy_site(hid_t from, hid_t to) {
    if (H5Aexists(from, "site") <= 0)
        return;
    char *site = NULL;
    hid_t before = H5Aopen(from, "site", H5P_DEFAULT), type = H5Aget_type(before);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t after = H5Acreate2(to, "site", type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Tis_variable_str(type) > 0);
    assert_true(H5Aread(before, type, &site) >= 0 && H5Awrite(after, type, &site) >= 0);
    H5free_memory(site);
    H5Aclose(after);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(before);
}

static bool change_dataset(hid_t file, const char *path, alteration change) {
    if (change == REMOVED)
        return H5Ldelete(file, path, H5P_DEFAULT) >= 0;
    hsize_t dims[10] = {0}, known;
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT), space = H5Dget_space(dataset);
    hid_t before = H5Dget_type(dataset);
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    known = (hsize_t)H5Sget_simple_extent_npoints(space);
    bool strings = H5Tget_class(before) == H5T_STRING;
    double *values = calloc(known + 1, sizeof *values);
    if (!strings)
        H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Sclose(space);
    hid_t old = dataset;
    // Heads that a dataset lacks are stored without elements, and not read.
    bool applies = (change != STRINGS || !strings) && known > 0 && shape_after(change, &rank, dims);
    if (applies) {
        H5Ldelete(file, path, H5P_DEFAULT);
        if (change == A_GROUP) {
            hid_t group = H5Gcreate2(file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
            copy_site(old, group);
            H5Gclose(group);
        } else {
            hid_t type = type_after(change, before);
            space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dims, NULL);
            dataset = H5Dcreate2(file, path, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
            assert_true(dataset >= 0);
            write_values(dataset, type, change, values, known,
                         (hsize_t)H5Sget_simple_extent_npoints(space));
            copy_site(old, dataset);
            H5Dclose(dataset);
            H5Sclose(space);
            H5Tclose(type);
        }
    }
    H5Dclose(old);
    free(values);
    H5Tclose(before);
    return applies;
}

static bool change_attribute(hid_t file, const spot *place, alteration change) {
    if (H5Adelete_by_name(file, place->object, place->attribute, H5P_DEFAULT) < 0 ||
        change == REMOVED)
        return change == REMOVED;
    hsize_t two = 2;
    double numbers[2] = {number_after(change, 0.0), 0.0};
    hid_t type, space = H5Screate(H5S_SCALAR);
    switch (change) {
    case EMPTY:
    case WIDER:
        two = change == EMPTY ? 0 : 2;
        H5Sclose(space);
        space = H5Screate_simple(1, &two, NULL);
        __attribute__((fallthrough));
    case REALS:
    case LARGE:
    case NEGATIVE:
    case NOT_FINITE:
        type = H5Tcopy(H5T_IEEE_F64LE);
        break;
    case STRINGS:
        type = H5Tcopy(H5T_C_S1);
        break;
    default:
        H5Sclose(space);
        return false;
    }
    hid_t attribute = H5Acreate_by_name(file, place->object, place->attribute, type, space,
                                        H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, change == STRINGS ? type : H5T_NATIVE_DOUBLE, numbers);
    H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
    return true;
}

// ---- the check --------------------------------------------------------------------------------

static bool is_read(const char *object) {
    const char *name = strrchr(object, '/') + 1;
    for (size_t i = 0; i < sizeof unread / sizeof *unread; i++)
        if (strcmp(name, unread[i]) == 0 || strstr(object, unread[i]) != NULL)
            return false;
    return true;
}

// Whether the file must be refused with a message that names the dataset; other changes may also
// turn up as differences.
static bool must_be_refused(const spot *place, alteration change) {
    const char *o = place->object;
    if ((change == WIDER && strstr(o, "_order") != NULL) ||
        (change == SHORTER && strstr(o, "/fold_average/") != NULL &&
         strstr(o, "/fold_l") != NULL) ||
        (change == SHORTER && strstr(o, "/fold_val_preds") != NULL))
        return false; // any number of samples, of folds
    bool sequence = strstr(o, "_len") != NULL || strstr(o, "/audio/") != NULL ||
                    strstr(o, "/text/") != NULL || strstr(o, "/video/") != NULL; // of any length
    return place->attribute == NULL && is_read(place->object) &&
           (change == A_GROUP || change == EMPTY || (change == SHORTER && !sequence) ||
            change == WIDER || change == STRINGS || change == NOT_FINITE);
}

// Whether the outcome is as it must be; if not, it is printed.
static bool as_expected(const char *file, const spot *place, alteration change, mb_status status,
                        const mb_parity_report *report, const mb_error *error) {
    int32_t failed = 0;
    for (int32_t i = 0; i < report->group_count; i++)
        failed += report->groups[i].failed;
    bool told = error->message[0] != '\0' || report->finding[0] != '\0' || failed > 0;
    bool right = status == MB_OK || ((status == MB_BAD_INPUT || status == MB_UNSUPPORTED) && told);
    // If two datasets do not fit each other, the message may name the other one.
    const char *place_named = change == SHORTER || change == WIDER ? ": /" : place->object;
    if (must_be_refused(place, change))
        right = status == MB_BAD_INPUT && strstr(error->message, place_named) != NULL &&
                strstr(error->message, "expected") != NULL;
    if (!right)
        print_error("%s: %s%s%s %s: status %d, message '%s', finding '%s'\n", file, place->object,
                    place->attribute != NULL ? ", attribute " : "",
                    place->attribute != NULL ? place->attribute : "", change_names[change], status,
                    error->message, report->finding);
    return right;
}

// Returns the number of changes that were tried, and adds to *wrong.
static int check_file(const char *file, mb_device *device, int *wrong) {
    char source[512], path[] = "/tmp/merbench-changed-XXXXXX";
    snprintf(source, sizeof source, MB_FIXTURES "%s", file);
    int descriptor = mkstemp(path), tried = 0;
    assert_true(descriptor >= 0);
    close(descriptor);
    places list = {0};
    hid_t opened = H5Fopen(source, H5F_ACC_RDONLY, H5P_DEFAULT);
    list_group(opened, "/", &list);
    H5Fclose(opened);
    for (int i = 0; i < list.count; i++)
        for (int c = 0; c < CHANGES; c++) {
            copy_file(source, path);
            hid_t changed = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
            const spot *place = &list.items[i];
            bool applies = place->attribute != NULL
                               ? change_attribute(changed, place, (alteration)c)
                               : change_dataset(changed, place->object, (alteration)c);
            H5Fclose(changed);
            if (!applies)
                continue;
            mb_parity_report report;
            mb_error error = {.message = ""};
            mb_status status = mb_parity_file(device, path, &report, &error);
            *wrong += !as_expected(file, place, (alteration)c, status, &report, &error);
            tried++;
        }
    list_free(&list);
    unlink(path);
    print_message("%s: %d changes\n", file, tried);
    return tried;
}

static void test_changed_fixtures(void **state) {
    (void)state;
    mb_device *device = NULL;
    mb_error error = {.message = ""};
    int wrong = 0;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    assert_int_equal(mb_cpu_open(NULL, &device, &error), MB_OK);
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
        assert_true(check_file(files[f], device, &wrong) > 50);
    device->backend->close(device);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changed_fixtures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
