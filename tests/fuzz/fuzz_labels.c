// Label files. With an even first byte the rest is the file itself. With an odd one a zip is made
// whose members hold the rest as pickles, so that checksums are right and labels are reached.
#include "fuzz_support.h"

#include <zip.h>

#include "data/mertools_labels.h"

enum { MOST_MEMBERS = 4 };

static file_name path;

static void remove_file(void) {
    unlink(path.text);
}

// The pickles are separated by these bytes.
static const char between[] = "MEMBER";

static input next_pickle(input *from) {
    for (size_t i = 0; i + sizeof between - 1 <= from->left; i++)
        if (memcmp(from->bytes + i, between, sizeof between - 1) == 0) {
            input pickle = take_bytes(from, i);
            take_bytes(from, sizeof between - 1);
            return pickle;
        }
    return take_bytes(from, from->left);
}

// An .npy file of one object, malloc'ed.
static uint8_t *make_member(const input *pickle, size_t *size) {
    static const char head[] = "\x93NUMPY\x01\x00v\x00"
                               "{'descr': '|O', 'fortran_order': False, 'shape': (), }";
    enum { HEAD = 128 };
    uint8_t *member = malloc(HEAD + pickle->left);
    demand(member != NULL);
    memset(member, ' ', HEAD);
    memcpy(member, head, sizeof head - 1);
    member[HEAD - 1] = '\n';
    memcpy(member + HEAD, pickle->bytes, pickle->left);
    *size = HEAD + pickle->left;
    return member;
}

static void write_zip(input *from) {
    static const char *const names[] = {"train_corpus.npy", "val_corpus.npy",   "test_corpus.npy",
                                        "whole_corpus.npy", "test1_corpus.npy", "test3_corpus.npy",
                                        "values.npy",       "_corpus.npy"};
    remove_file();
    zip_t *zip = zip_open(path.text, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    demand(zip != NULL);
    uint32_t which = take_two(from), compress = take(from);
    for (int i = 0; i < MOST_MEMBERS && (i == 0 || from->left > 0); i++) {
        size_t size;
        input pickle = next_pickle(from);
        uint8_t *member = make_member(&pickle, &size);
        zip_source_t *source = zip_source_buffer(zip, member, size, 1); // the zip frees it
        zip_int64_t index = zip_file_add(zip, names[which >> (3 * i) & 7], source, 0);
        if (index < 0) // the name is there already
            zip_source_free(source);
        else
            zip_set_file_compression(zip, (zip_uint64_t)index,
                                     (compress >> i & 1) != 0 ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    }
    demand(zip_close(zip) == 0);
}

// Every utterance is in one split, and its labels are possible ones.
static void check(const mb_corpus *corpus) {
    int32_t row = 0;
    for (int32_t s = 0; s < corpus->split_count; s++)
        for (int32_t i = 0; i < corpus->splits[s].count; i++)
            demand(corpus->splits[s].rows[i] == row++);
    demand(row == corpus->utterance_count);
    for (int32_t i = 0; i < corpus->utterance_count; i++) {
        demand(corpus->names[i][0] != '\0');
        demand(corpus->emotions[i] >= MB_EMOTION_MISSING &&
               corpus->emotions[i] <
                   (corpus->rules->class_count > 0 ? corpus->rules->class_count : 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const char *const datasets[] = {"MER2023",  "IEMOCAPFour", "IEMOCAPSix", "CMUMOSI",
                                           "CMUMOSEI", "SIMS",        "MELD",       "SIMSv2"};
    if (path.text[0] == '\0') {
        path = name_file("label.npz");
        atexit(remove_file);
    }
    input from = {bytes, size};
    uint8_t what = take(&from);
    if (what % 2 == 0)
        write_file(path.text, from.bytes, from.left);
    else
        write_zip(&from);
    mb_corpus corpus = {.rules = mb_dataset_find(datasets[what / 2 % 8])};
    mb_ignored_labels ignored;
    mb_error error = {.message = ""};
    char digest[33];
    demand(corpus.rules != NULL);
    mb_status status = mb_mertools_labels(path.text, &corpus, &ignored, digest, &error);
    demand_message(status, &error);
    if (status == MB_OK)
        check(&corpus);
    mb_corpus_close(&corpus);
    return 0;
}
