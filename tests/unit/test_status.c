// Messages of failed calls of the system, and what they make of the exit code.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "merbench/status.h"

static void test_who_is_to_blame(void **state) {
    (void)state;
    static const int path[] = {ENOENT, EACCES, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG, EROFS};
    static const int machine[] = {EIO, EMFILE, ENFILE, ENOSPC, ENOMEM, EDQUOT, ESTALE, ETIMEDOUT};
    mb_error error;
    for (size_t i = 0; i < sizeof path / sizeof *path; i++)
        assert_int_equal(mb_fail_errno(&error, path[i], "x"), MB_BAD_INPUT);
    for (size_t i = 0; i < sizeof machine / sizeof *machine; i++) {
        assert_int_equal(mb_fail_errno(&error, machine[i], "x"), MB_FAILED);
        assert_int_equal(error.out_of_memory, machine[i] == ENOMEM);
    }
}

static void test_message(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    assert_int_equal(mb_fail_errno(&error, EIO, "%s: cannot read", "a.h5"), MB_FAILED);
    assert_string_equal(error.message, "a.h5: cannot read: Input/output error");
    assert_int_equal(mb_fail_errno(NULL, EIO, "%s: cannot read", "a.h5"), MB_FAILED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_to_blame),
        cmocka_unit_test(test_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
