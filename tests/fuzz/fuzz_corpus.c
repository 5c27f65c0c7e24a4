// Corpus files. With an even first byte the rest is the file itself, nearly always refused by its
// seal. With an odd one the rest says how a good file is changed through HDF5 before it is sealed
// again, so that the checks behind the seal are reached. (Sealing raw bytes would test the HDF5
// library.)
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/audit.h"
#include "data/corpus_write.h"
#include "data/h5_object.h"
#include "data/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static char path[64], template_path[64];

static void write_template(void) {
    static char *names[] = {"Ses01_a", "Ses02_b", "Ses03_c"};
    static int32_t emotions[] = {0, 1, 2}, rows[] = {0, 1, 2};
    static float valences[] = {-1, 0, NAN}, values[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static int64_t offsets[] = {0, 1, 3, 4};
    mb_split split = {"train", 3, rows};
    mb_feature feature = {
        .name = "f", .level = 1, .dimension = 2, .offsets = offsets, .values = values};
    mb_corpus corpus = {.rules = mb_dataset_find("MER2023"),
                        .utterance_count = 3,
                        .names = names,
                        .emotions = emotions,
                        .valences = valences,
                        .transcripts = names,
                        .split_count = 1,
                        .splits = &split,
                        .feature_count = 1,
                        .features = &feature,
                        .source = "fuzz"};
    mb_source source = {"label.npz", "0"};
    snprintf(path, sizeof path, "/tmp/mb-fuzz-%ld.h5", (long)getpid());
    snprintf(template_path, sizeof template_path, "/tmp/mb-fuzz-%ld-template.h5", (long)getpid());
    if (mb_corpus_write(&corpus, &source, 1, template_path, true, NULL) != MB_OK)
        abort();
}

static void remove_files(void) {
    unlink(path);
    unlink(template_path);
}

static void write_bytes(const uint8_t *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        abort();
}

static void copy_template(void) {
    static uint8_t bytes[1 << 16];
    FILE *file = fopen(template_path, "rb");
    if (file == NULL)
        abort();
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    write_bytes(bytes, size);
}

typedef struct input {
    const uint8_t *bytes;
    size_t left;
} input;

static int take(input *from) {
    if (from->left == 0)
        return 0;
    from->left--;
    return *from->bytes++;
}

static const char *const objects[] = {
    "/utterances/name",
    "/utterances/emotion",
    "/utterances/valence",
    "/utterances/transcript",
    "/splits/train",
    "/features/f/offsets",
    "/features/f/values",
    "/features/f",
    "/splits",
    "/features",
    "/utterances",
    "/provenance/file",
    "/provenance/digest",
    "/provenance",
    "/splits/x",
    "/features/g",
};
static const char *const attributes[] = {"dataset",  "digest", "source",    "tool_version",
                                         "modality", "level",  "dimension", "format"};

static hid_t type_of(int choice) {
    hid_t numbers[] = {H5T_STD_I32LE, H5T_STD_I64BE, H5T_IEEE_F32LE, H5T_IEEE_F64LE,
                       H5T_STD_U8LE,  H5T_STD_I8LE,  H5T_STD_U64LE};
    if (choice % 8 < 7)
        return H5Tcopy(numbers[choice % 8]);
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 1 + (size_t)choice / 8);
    return text;
}

// A dataset of any type and shape, with values from the input.
static void put_dataset(hid_t file, const char *name, input *from) {
    static uint8_t values[8 * 8 * 64 * 8];
    hid_t type = type_of(take(from));
    int rank = take(from) % 4;
    hsize_t dims[3] = {1, 1, 1};
    for (int i = 0; i < rank; i++)
        dims[i] = (hsize_t)take(from) % 8;
    memset(values, 0, sizeof values);
    for (size_t i = 0; i < 64 && from->left > 0; i++)
        values[i] = (uint8_t)take(from);
    H5Ldelete(file, name, H5P_DEFAULT);
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (dataset >= 0) {
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
        H5Dclose(dataset);
    }
    H5Sclose(space);
    H5Tclose(type);
}

static void put_attribute(hid_t file, const char *object, const char *name, input *from) {
    uint8_t values[64] = {0};
    hid_t type = type_of(take(from)), space = H5Screate(H5S_SCALAR);
    for (size_t i = 0; i < H5Tget_size(type); i++)
        values[i] = (uint8_t)take(from);
    H5Adelete_by_name(file, object, name, H5P_DEFAULT);
    hid_t attribute =
        H5Acreate_by_name(file, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) {
        H5Awrite(attribute, type, values);
        H5Aclose(attribute);
    }
    H5Sclose(space);
    H5Tclose(type);
}

static void change(input *from) {
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    for (int step = 0; step < 8 && from->left > 0; step++) {
        int what = take(from), which = take(from);
        const char *object = objects[(size_t)which % (sizeof objects / sizeof *objects)];
        const char *attribute =
            attributes[(size_t)which / 16 % (sizeof attributes / sizeof *attributes)];
        if (what % 4 == 0)
            H5Ldelete(file, object, H5P_DEFAULT);
        else if (what % 4 == 1)
            put_attribute(file, (what & 4) != 0 ? "/" : object, attribute, from);
        else
            put_dataset(file, object, from);
    }
    H5Fclose(file);
    FILE *stream = fopen(path, "r+b");
    if (stream == NULL || mb_seal_write(fileno(stream), path, NULL, 0, NULL) != MB_OK)
        abort();
    fclose(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (path[0] == '\0') {
        if (mb_h5_start(path, NULL) != MB_OK)
            abort();
        write_template();
        atexit(remove_files);
    }
    input from = {bytes, size};
    if (take(&from) % 2 == 0) {
        write_bytes(from.bytes, from.left);
    } else {
        copy_template();
        change(&from);
    }
    mb_corpus corpus;
    mb_audit audit = {0};
    mb_error error = {.message = ""};
    mb_status status = mb_corpus_open(path, &corpus, &error);
    if (status == MB_OK)
        status = mb_audit_corpus(&corpus, 3, &audit, &error);
    if (status != MB_OK && (status != MB_BAD_INPUT || error.message[0] == '\0'))
        abort();
    mb_audit_free(&audit);
    mb_corpus_close(&corpus);
    return 0;
}
