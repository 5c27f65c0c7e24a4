// Corpora that are sealed, but store their objects in a way that the format rules out.
#include "corpus_files.h"

static void soft_link(hid_t file) {
    H5Lmove(file, "/utterances/emotion", file, "/utterances/moved", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/utterances/moved", file, "/utterances/emotion", H5P_DEFAULT, H5P_DEFAULT);
}
static void soft_link_to_a_group(hid_t file) {
    H5Lmove(file, "/utterances", file, "/moved", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/moved", file, "/utterances", H5P_DEFAULT, H5P_DEFAULT);
}
static void dangling_transcript(hid_t file) {
    H5Ldelete(file, "/utterances/transcript", H5P_DEFAULT);
    H5Lcreate_soft("/nowhere", file, "/utterances/transcript", H5P_DEFAULT, H5P_DEFAULT);
}

// Stores the values of words-FRA again with other properties or another type.
static void store_again(hid_t file, hid_t creation, hid_t type) {
    const char *name = "/features/words-FRA/values";
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
    float *values = calloc((size_t)H5Sget_simple_extent_npoints(space), sizeof *values);
    H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(dataset);
    H5Ldelete(file, name, H5P_DEFAULT);
    dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(dataset >= 0);
    assert_true(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
    free(values);
}
static void store_with(hid_t file, void (*set)(hid_t creation)) {
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    set(creation);
    store_again(file, creation, H5T_IEEE_F32LE);
    H5Pclose(creation);
}
static void set_chunks(hid_t creation) {
    const hsize_t chunk[2] = {2, 1};
    H5Pset_chunk(creation, 2, chunk);
}
static void set_deflate(hid_t creation) {
    set_chunks(creation);
    H5Pset_deflate(creation, 6);
}
static void set_shuffle(hid_t creation) {
    set_chunks(creation);
    H5Pset_shuffle(creation);
}
static void set_checksum(hid_t creation) {
    set_chunks(creation);
    H5Pset_fletcher32(creation);
}
static void set_compact(hid_t creation) {
    H5Pset_layout(creation, H5D_COMPACT);
}
static void values_in_chunks(hid_t file) {
    store_with(file, set_chunks);
}
static void values_deflated(hid_t file) {
    store_with(file, set_deflate);
}
static void values_shuffled(hid_t file) {
    store_with(file, set_shuffle);
}
static void values_with_checksum(hid_t file) {
    store_with(file, set_checksum);
}
static void values_compact(hid_t file) {
    store_with(file, set_compact);
}
static void values_big_endian(hid_t file) {
    store_again(file, H5P_DEFAULT, H5T_IEEE_F32BE);
}
static void values_double(hid_t file) {
    store_again(file, H5P_DEFAULT, H5T_IEEE_F64LE);
}
static void values_virtual(hid_t file) {
    const char *name = "/features/words-FRA/values";
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(creation, space, "/etc/passwd", "/x", space);
    H5Dclose(dataset);
    H5Ldelete(file, name, H5P_DEFAULT);
    dataset = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(dataset >= 0);
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
}
static void values_not_written(hid_t file) {
    const char *name = "/features/words-FRA/values";
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
    H5Dclose(dataset);
    H5Ldelete(file, name, H5P_DEFAULT);
    H5Dclose(H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}
static void group_with_a_filter(hid_t file) {
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_deflate(creation, 6);
    hid_t group = H5Gcreate2(file, "/filtered", H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(group >= 0);
    H5Lmove(file, "/splits/train", group, "train", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
    H5Pclose(creation);
    H5Ldelete(file, "/splits", H5P_DEFAULT);
    H5Lmove(file, "/filtered", file, "/splits", H5P_DEFAULT, H5P_DEFAULT);
}
static void names_of_fixed_length(hid_t file) {
    H5Ldelete(file, "/utterances/name", H5P_DEFAULT);
    const char names[6][2] = {"a", "b", "c", "d", "e", "f"};
    const hsize_t count = 6;
    hid_t space = H5Screate_simple(1, &count, NULL), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 2);
    hid_t dataset =
        H5Dcreate2(file, "/utterances/name", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, names);
    H5Dclose(dataset);
    H5Tclose(type);
    H5Sclose(space);
}

// docs/corpus-format.md says that a reader must refuse these, when it opens the file.
static void test_other_storage(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    expect_change_refused(&small, soft_link, "/utterances/emotion is a soft link");
    expect_change_refused(&small, soft_link_to_a_group, "/utterances is a soft link");
    expect_change_refused(&small, dangling_transcript, "/utterances/transcript is a soft link");
    expect_change_refused(&small, values_deflated,
                          "/features/words-FRA/values: the values have a filter (deflate)");
    expect_change_refused(&small, values_shuffled, "the values have a filter (shuffle)");
    expect_change_refused(&small, values_with_checksum, "the values have a filter (fletcher32)");
    expect_change_refused(&small, values_in_chunks,
                          "/features/words-FRA/values: expected contiguous values, found chunks");
    expect_change_refused(&small, values_compact, "found values in the object's header");
    expect_change_refused(&small, values_big_endian, "found another type");
    expect_change_refused(&small, values_double, "found another type");
    expect_change_refused(&small, values_virtual, "the values are in another file");
    expect_change_refused(&small, values_not_written, "but the file holds only 0");
    expect_change_refused(&small, group_with_a_filter, "/splits: the group has a filter");
    expect_change_refused(&small, names_of_fixed_length, "found another type");
    small_corpus_free(&small);
}

// A byte behind the seal's text is not in its digest.
static void test_block_is_padded_with_zeros(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    write_small(&small);
    size_t size;
    unsigned char *bytes = read_file(small.path, &size);
    bytes[511] = 1;
    write_bytes(small.path, bytes, size);
    expect_refused(small.path, "the seal of the corpus is truncated or damaged");
    free(bytes);
    small_corpus_free(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_storage),
        cmocka_unit_test(test_block_is_padded_with_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
