// Any bytes as a layout, as published numbers and as a fixture in JSON.
#include "fuzz_support.h"

#include "paper/layout.h"
#include "paper/published.h"
#include "parity/json_file.h"

static file_name path;

static void remove_file(void) {
    unlink(path.text);
}

static void check_lines(const mb_layout *layout) {
    for (int32_t c = 0; c < layout->column_count; c++)
        for (int32_t i = 0; i < layout->columns[c].over_count; i++)
            demand(layout->columns[c].over[i] >= 0 && layout->columns[c].over[i] < c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (path.text[0] == '\0') {
        path = name_file("layout.json");
        atexit(remove_file);
    }
    write_file(path.text, bytes, size);
    mb_error error = {.message = ""};
    mb_layout layout;
    mb_status status = mb_layout_load(path.text, &layout, &error);
    demand_message(status, &error);
    if (status == MB_OK)
        check_lines(&layout);
    mb_layout_free(&layout);
    mb_published published;
    status = mb_published_read("table", (const char *)bytes, size, 11, &published, &error);
    demand_message(status, &error);
    mb_published_free(&published);
    mb_parity_report report = {.group_count = 0};
    error.message[0] = '\0';
    status = mb_parity_json_file(path.text, &report, &error);
    demand(status == MB_OK || report.finding[0] != '\0' || report.group_count > 0 ||
           error.message[0] != '\0');
    return 0;
}
