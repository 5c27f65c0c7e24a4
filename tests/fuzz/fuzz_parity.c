// Fixtures of parity, of every kind. The input says how one of the project's own is changed through
// HDF5, so that the checks of parity are reached, and not those of the HDF5 library.
#include "fuzz_support.h"

#include <hdf5.h>
#include <math.h>

#include "data/h5_object.h"
#include "parity/parity.h"

enum { MOST_OBJECTS = 512, MOST_RANK = 4, LARGEST_COUNT = 1 << 24 };

typedef struct fixture {
    const char *file;
    uint8_t *bytes;
    size_t size;
    int object_count, attribute_count;
    char *objects[MOST_OBJECTS], *attributes[64];
} fixture;

static fixture fixtures[] = {
    {.file = "metrics/metrics.h5"},    {.file = "dataops/align.h5"},
    {.file = "dataops/mapping.h5"},    {.file = "dataops/splits.h5"},
    {.file = "attention/batch1.h5"},   {.file = "lmf/dropout.h5"},
    {.file = "trainloop/lmf_mosi.h5"}, {.file = "attention/frames_align.h5"},
};
enum { FIXTURES = sizeof fixtures / sizeof *fixtures };

static file_name path;
static mb_device *device;

// ---- fixtures ----------------------------------------------------------------------------------

static herr_t add_object(hid_t file, const char *name, const H5O_info_t *info, void *context) {
    (void)file, (void)info;
    fixture *f = context;
    if (f->object_count < MOST_OBJECTS && strcmp(name, ".") != 0)
        f->objects[f->object_count++] = strdup(name);
    return 0;
}

static herr_t add_attribute(hid_t file, const char *name, const H5A_info_t *info, void *context) {
    (void)file, (void)info;
    fixture *f = context;
    if (f->attribute_count < 64)
        f->attributes[f->attribute_count++] = strdup(name);
    return 0;
}

// Keeps the first member of every group of metrics: hundreds take too long.
static void keep_first_members(hid_t file) {
    char name[64], member[64], whole[160];
    H5G_info_t groups, members;
    H5Gget_info(file, &groups);
    for (hsize_t g = 0; g < groups.nlinks; g++) {
        H5Lget_name_by_idx(file, ".", H5_INDEX_NAME, H5_ITER_INC, g, name, sizeof name,
                           H5P_DEFAULT);
        H5Gget_info_by_name(file, name, &members, H5P_DEFAULT);
        for (hsize_t m = members.nlinks; m-- > 1;) {
            H5Lget_name_by_idx(file, name, H5_INDEX_NAME, H5_ITER_INC, m, member, sizeof member,
                               H5P_DEFAULT);
            snprintf(whole, sizeof whole, "%s/%s", name, member);
            H5Ldelete(file, whole, H5P_DEFAULT);
        }
    }
}

static void load_fixture(fixture *f) {
    char name[256];
    snprintf(name, sizeof name, MB_FIXTURES "/%s", f->file);
    f->bytes = read_file(name, &f->size);
    write_file(path.text, f->bytes, f->size);
    hid_t file = H5Fopen(path.text, H5F_ACC_RDWR, H5P_DEFAULT);
    demand(file >= 0);
    if (f == &fixtures[0])
        keep_first_members(file);
    H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, add_object, f);
    H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, f);
    H5Fclose(file);
    free(f->bytes);
    f->bytes = read_file(path.text, &f->size);
}

static void stop(void) {
    unlink(path.text);
    device->backend->close(device);
    for (int i = 0; i < FIXTURES; i++) {
        for (int o = 0; o < fixtures[i].object_count; o++)
            free(fixtures[i].objects[o]);
        for (int a = 0; a < fixtures[i].attribute_count; a++)
            free(fixtures[i].attributes[a]);
        free(fixtures[i].bytes);
    }
}

static void start(void) {
    mb_error error = {.message = ""};
    path = name_file("parity.h5");
    demand(mb_h5_start(path.text, NULL) == MB_OK);
    demand(mb_cpu_open("portable", &device, &error) == MB_OK);
    for (int i = 0; i < FIXTURES; i++)
        load_fixture(&fixtures[i]);
    atexit(stop);
}

// ---- changes -----------------------------------------------------------------------------------

static hid_t type_of(int choice) {
    hid_t numbers[] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_I32LE, H5T_STD_I64BE,
                       H5T_STD_U8LE,   H5T_IEEE_F32BE, H5T_STD_U64LE};
    if (choice % 8 < 7)
        return H5Tcopy(numbers[choice % 8]);
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, choice / 8 % 2 != 0 ? H5T_VARIABLE : 1 + (size_t)choice / 16);
    return text;
}

static hsize_t other_length(hsize_t length, int choice) {
    static const int more[] = {0, 1, -1, 2};
    switch (choice % 16) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return 2 * length;
    case 3:
        return (hsize_t)1 << 20;
    case 4:
        return ((hsize_t)1 << 31) + 1;
    case 5:
        return (hsize_t)1 << 40;
    case 6:
        return (hsize_t)choice / 16;
    default:
        return length + (hsize_t)more[choice % 4];
    }
}

// The shape of a dataset, with other lengths, or more or fewer dimensions.
static int change_shape(hid_t file, const char *name, hsize_t dims[MOST_RANK], input *from) {
    int rank = 0;
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset >= 0) {
        hid_t space = H5Dget_space(dataset);
        if (H5Sget_simple_extent_ndims(space) <= MOST_RANK)
            rank = H5Sget_simple_extent_dims(space, dims, NULL);
        H5Sclose(space);
        H5Dclose(dataset);
    }
    uint8_t what = take(from), length = take(from);
    if (what % 4 == 0 && rank < MOST_RANK)
        dims[rank++] = 1;
    else if (what % 4 == 1 && rank > 0)
        rank--;
    if (rank > 0)
        dims[what / 4 % rank] = other_length(dims[what / 4 % rank], length);
    return rank;
}

// Another dataset of this name, without values: its bytes are zeros that no file holds.
static void replace_dataset(hid_t file, const char *name, input *from) {
    hsize_t dims[MOST_RANK] = {1, 1, 1, 1};
    hid_t type = type_of(take(from));
    int rank = change_shape(file, name, dims, from);
    H5Ldelete(file, name, H5P_DEFAULT);
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Sclose(space);
    H5Tclose(type);
}

static double odd_value(input *from) {
    static const double values[] = {NAN, INFINITY, -INFINITY, -1, 0, 1e30, -2147483649.0, 9.3e18};
    uint8_t choice = take(from);
    return choice < 64 ? values[choice % 8] : (double)(int8_t)take(from);
}

// Other values in a dataset. One that is huge stays without: with a value, the file would have
// holes of a size for which there is no memory.
static void change_values(hid_t file, const char *name, input *from) {
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        return;
    hid_t space = H5Dget_space(dataset);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    int rank = H5Sget_simple_extent_ndims(space);
    hsize_t dims[MOST_RANK] = {0}, at[MOST_RANK], one = 1;
    if (count > 0 && count < LARGEST_COUNT && rank > 0 && rank <= MOST_RANK) {
        H5Sget_simple_extent_dims(space, dims, NULL);
        hid_t single = H5Screate_simple(1, &one, NULL);
        for (int i = take(from) % 4; i >= 0; i--) {
            hsize_t position = take_two(from);
            for (int d = rank; d-- > 0; position /= dims[d])
                at[d] = position % dims[d];
            double value = odd_value(from);
            H5Sselect_elements(space, H5S_SELECT_SET, 1, at);
            H5Dwrite(dataset, H5T_NATIVE_DOUBLE, single, space, H5P_DEFAULT, &value);
        }
        H5Sclose(single);
    }
    H5Sclose(space);
    H5Dclose(dataset);
}

static void put_attribute(hid_t file, const char *name, input *from) {
    static const char *const texts[] = {"utt",       "frm_align", "frm_unalign", "tfn",
                                        "attention", "lmf",       "MER2023",     "MOSI",
                                        "mctn",      "mult",      "IEMOCAPSix"};
    uint8_t what = take(from);
    hid_t type = H5Tcopy(what % 2 == 0 ? H5T_NATIVE_DOUBLE : H5T_C_S1),
          space = H5Screate(H5S_SCALAR);
    char text[32] = "";
    double value = odd_value(from);
    if (what % 2 != 0) {
        H5Tset_size(type, sizeof text);
        snprintf(text, sizeof text, "%s", texts[what / 2 % (sizeof texts / sizeof *texts)]);
    }
    H5Adelete(file, name);
    if (what < 240) { // else it stays deleted
        hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
        H5Awrite(attribute, type, what % 2 == 0 ? (void *)&value : text);
        H5Aclose(attribute);
    }
    H5Sclose(space);
    H5Tclose(type);
}

static void change(const fixture *f, input *from) {
    hid_t file = H5Fopen(path.text, H5F_ACC_RDWR, H5P_DEFAULT);
    demand(file >= 0);
    for (int step = 0; step < 8 && from->left > 0; step++) {
        uint8_t what = take(from);
        const char *object = f->objects[take_two(from) % (uint32_t)f->object_count];
        switch (what % 8) {
        case 0:
            H5Ldelete(file, object, H5P_DEFAULT);
            break;
        case 1: { // the object under another object's name, too
            const char *other = f->objects[take_two(from) % (uint32_t)f->object_count];
            H5Ldelete(file, other, H5P_DEFAULT);
            H5Lcreate_hard(file, object, file, other, H5P_DEFAULT, H5P_DEFAULT);
            break;
        }
        case 2:
        case 3:
            replace_dataset(file, object, from);
            break;
        case 4:
        case 5:
            if (f->attribute_count > 0)
                put_attribute(file, f->attributes[take(from) % f->attribute_count], from);
            break;
        default:
            change_values(file, object, from);
        }
    }
    H5Fclose(file);
}

// A difference is told by the report, everything else by a message.
static void check_report(mb_status status, const mb_parity_report *report, const mb_error *error) {
    bool different = report->finding[0] != '\0';
    demand(report->group_count >= 0 && report->group_count <= MB_PARITY_MOST_GROUPS);
    for (int32_t i = 0; i < report->group_count; i++)
        different = different || report->groups[i].failed > 0;
    if (status != MB_BAD_INPUT || error->message[0] != '\0' || !different)
        demand_message(status, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (device == NULL)
        start();
    input from = {bytes, size};
    const fixture *f = &fixtures[take(&from) % FIXTURES];
    write_file(path.text, f->bytes, f->size);
    change(f, &from);
    mb_parity_report report;
    mb_error error = {.message = ""};
    mb_status status = mb_parity_file(device, path.text, &report, &error);
    check_report(status, &report, &error);
    return 0;
}
