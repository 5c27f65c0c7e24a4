// The HDF5 structure behind the seal: a good corpus with other bytes here and there, sealed again.
// Here the HDF5 library reads bytes that may come from anywhere, and it does not survive all of
// them. So each input is opened in a child process. Crashes and hangs within the library are
// counted and, if the environment variable MB_FUZZ_KEEP names a folder, kept there, one of each
// kind; only crashes in merbench's own code are findings.
#include "counters.h"
#include "fuzz_support.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <math.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "data/audit.h"
#include "data/corpus_write.h"
#include "data/h5_object.h"
#include "data/seal.h"

enum { SEAL = 512, MILLISECONDS = 500, MOST_FRAMES = 64, MOST_KINDS = 4096, LARGEST = 1 << 16 };

const char *__asan_default_options(void);
// Reports end in SIGABRT, and handlers are those below. Finding the names for each crash of the
// library takes longer than anything else; ASAN_OPTIONS=symbolize=1 shows them for one input.
const char *__asan_default_options(void) {
    return "abort_on_error=1:handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:"
           "allocator_may_return_null=1:max_allocation_size_mb=1024:detect_leaks=0:"
           "symbolize=0";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) {
    return "abort_on_error=1";
}

// What a child tells of its end.
typedef struct outcome {
    int signal;
    bool in_library;
    uintptr_t place; // in the library, the innermost
} outcome;

static file_name path;
static uint8_t *template_bytes;
static size_t template_size;
static outcome *shared;
static int report = -1; // a file in memory: what the child says on stderr
static uintptr_t known[MOST_KINDS];
static int known_count, library_ends;

// ---- the corpus --------------------------------------------------------------------------------

static void write_template(void) {
    static char *names[] = {"Ses01_a", "Ses02_b", "Ses03_c"};
    static int32_t emotions[] = {0, 1, 2}, rows[] = {0, 1, 2};
    static float valences[] = {-1, 0, NAN}, values[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static int64_t offsets[] = {0, 1, 3, 4};
    mb_split split = {"train", 3, rows};
    mb_feature features[] = {{.name = "f",
                              .level = MB_LEVEL_FRAME,
                              .dimension = 2,
                              .offsets = offsets,
                              .values = values},
                             {.name = "g",
                              .level = MB_LEVEL_FRAME,
                              .dimension = 2,
                              .offsets = offsets,
                              .values = values}};
    mb_corpus corpus = {.rules = mb_dataset_find("MER2023"),
                        .utterance_count = 3,
                        .names = names,
                        .emotions = emotions,
                        .valences = valences,
                        .transcripts = names,
                        .split_count = 1,
                        .splits = &split,
                        .feature_count = 2,
                        .features = features,
                        .source = "fuzz"};
    mb_source source = {"label.npz", "0"};
    demand(mb_corpus_write(&corpus, &source, 1, path.text, true, NULL) == MB_OK);
    template_bytes = read_file(path.text, &template_size);
    demand(template_size > SEAL + 8 && template_size < LARGEST);
}

// One change of the file, which keeps its size. Returns a size for cutting it off.
static size_t change(uint8_t *bytes, input *from) {
    uint8_t what = take(from);
    size_t at = SEAL + take_two(from) % (template_size - SEAL), left = template_size - at;
    if (what == 255)
        return at;
    if (what / 16 % 2 == 0) {
        input values = take_bytes(from, what % 16 == 0 ? 16 : (size_t)what % 4 + 1);
        memcpy(bytes + at, values.bytes, values.left < left ? values.left : left);
    } else { // what stands elsewhere: addresses, types and sizes
        size_t other = SEAL + take_two(from) % (template_size - SEAL - 8);
        memmove(bytes + at, bytes + other, left < 8 ? left : 8);
    }
    return template_size;
}

static void write_corpus(input *from) {
    static uint8_t bytes[LARGEST];
    size_t size = template_size;
    memcpy(bytes, template_bytes, size);
    while (from->left > 0) {
        size_t cut = change(bytes, from);
        size = cut < size ? cut : size;
    }
    memset(bytes, 0, SEAL);
    write_file(path.text, bytes, size);
    FILE *stream = fopen(path.text, "r+b");
    demand(stream != NULL && mb_seal_write(fileno(stream), path.text, NULL, 0, NULL) == MB_OK);
    fclose(stream);
}

// ---- the child ---------------------------------------------------------------------------------

static void read_corpus(void) {
    mb_corpus corpus;
    mb_audit audit = {0};
    mb_error error = {.message = ""};
    mb_status status = mb_corpus_open(path.text, &corpus, &error);
    if (status == MB_OK)
        status = mb_audit_corpus(&corpus, 3, &audit, &error);
    demand_message(status, &error);
    mb_audit_free(&audit);
    mb_corpus_close(&corpus);
}

// The innermost place in libhdf5, if the crash or the hang is within one of its functions. (What it
// calls back, add_name in h5.c, is small enough to be left out.)
static void tell_end(int number) {
    void *frames[MOST_FRAMES];
    int count = backtrace(frames, MOST_FRAMES);
    shared->signal = number;
    for (int i = 0; i < count && !shared->in_library; i++) {
        Dl_info where;
        if (dladdr(frames[i], &where) == 0 || strstr(where.dli_fname, "libhdf5") == NULL)
            continue;
        shared->in_library = true;
        shared->place = (uintptr_t)frames[i] - (uintptr_t)where.dli_fbase;
    }
    if (!shared->in_library)
        backtrace_symbols_fd(frames, count, STDERR_FILENO);
    mb_counters_send();
    _exit(1);
}

static void run_child(void) {
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGPROF};
    static uint8_t stack[1 << 17]; // the usual one may have overflowed
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    struct sigaction action = {.sa_handler = tell_end, .sa_flags = SA_ONSTACK | SA_RESETHAND};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    setitimer(ITIMER_PROF, &(struct itimerval){.it_value.tv_usec = 1000 * MILLISECONDS}, NULL);
    dup2(report, STDERR_FILENO);
    __sanitizer_set_death_callback(NULL); // libFuzzer's would keep the input as a finding
    read_corpus();
    mb_counters_send();
    _exit(0);
}

// ---- the parent --------------------------------------------------------------------------------

// Copies the corpus to the folder for those that the library does not survive.
static void keep(const outcome *end) {
    const char *folder = getenv("MB_FUZZ_KEEP");
    char name[256];
    size_t size;
    for (int i = 0; i < known_count; i++)
        if (known[i] == end->place)
            return;
    if (known_count < MOST_KINDS)
        known[known_count++] = end->place;
    if (folder == NULL)
        return;
    uint8_t *bytes = read_file(path.text, &size);
    snprintf(name, sizeof name, "%s/signal%d-%06lx.h5", folder, end->signal,
             (unsigned long)end->place);
    write_file(name, bytes, size);
    free(bytes);
}

static void remove_file(void) {
    unlink(path.text);
    fprintf(stderr, "fuzz_h5: ended within libhdf5: %d inputs, %d places\n", library_ends,
            known_count);
}

static void start(void) {
    path = name_file("corpus.h5");
    demand(mb_h5_start(path.text, NULL) == MB_OK);
    H5open();
    write_template();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    report = memfd_create("report", MFD_CLOEXEC);
    demand(shared != MAP_FAILED && report >= 0);
    mb_counters_share();
    void *frames[2];
    (void)backtrace(frames, 2); // loads what it needs
    atexit(remove_file);
}

static void print_report(void) {
    char text[4096];
    ssize_t got;
    for (off_t at = 0; (got = pread(report, text, sizeof text, at)) > 0; at += got)
        fwrite(text, 1, (size_t)got, stderr);
}

// Whether the library's own guard found that it has overwritten its stack, of which no backtrace
// can be made. This program is built without such a guard.
static bool smashed_stack(void) {
    char text[4096];
    ssize_t got = pread(report, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    return strstr(text, "stack smashing detected") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (template_bytes == NULL)
        start();
    input from = {bytes, size};
    write_corpus(&from);
    *shared = (outcome){0};
    demand(ftruncate(report, 0) == 0 && lseek(report, 0, SEEK_SET) == 0);
    pid_t child = fork();
    demand(child >= 0);
    if (child == 0)
        run_child();
    int result = 0;
    while (waitpid(child, &result, 0) < 0)
        demand(errno == EINTR);
    mb_counters_take();
    if (WIFEXITED(result) && WEXITSTATUS(result) == 0)
        return 0;
    if (WIFEXITED(result) && shared->signal == 0) // the library calls exit where it cannot go on
        shared->in_library = WEXITSTATUS(result) == 255;
    shared->in_library |= smashed_stack();
    if (!shared->in_library)
        print_report();
    demand(shared->in_library);
    library_ends++;
    keep(shared);
    return 0;
}
