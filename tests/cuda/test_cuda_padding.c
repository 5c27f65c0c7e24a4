// Utterances that are longer than the training part's on the CUDA executor: models read their last
// frames.
#include "../unit/padding_support.h"
#include "cuda_support.h"

static void test_front_is_not_read(void **state) {
    mb_device *cuda = *state;
    for (int m = 0; m < SEQUENCE_MODELS - SANITIZED; m++)
        check_front_is_not_read(cuda, &sequence_models[m]);
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    mb_device *cuda = cuda_open();
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_front_is_not_read, cuda)};
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    cuda->backend->close(cuda);
    return failures;
}
