// Command lines: how values are parsed, what is refused with which message, and the help.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/command_line.h"

// One option of every kind.
typedef struct values {
    bool quiet, text_given, read_fails;
    const char *text, *level;
    mb_texts places;
    int32_t number, mode;
    mb_wholes sizes;
    uint32_t seed;
    double rate;
    char read[64];
} values;

enum { MOST_WORDS = 48 };

static mb_status read_twice(const char *option, char *text, void *target, mb_error *error) {
    values *v = target;
    if (strcmp(text, "bad") == 0)
        return mb_fail(error, MB_USAGE, "%s: it is bad", option);
    snprintf(v->read, sizeof v->read, "%s%s", text, text);
    return MB_OK;
}

// Calls `use` with a command line that parses into these values.
static mb_status with_line(values *v, mb_status (*use)(const mb_command_line *line, void *context),
                           void *context) {
    static const char *const levels[] = {"low", "middle", "high"};
    static const char *const modes[] = {"one", "two", "three", "four", "five", "six"};
    const mb_command_option others[] = {
        {"size", "N,N,...", "sizes", .wholes = &v->sizes, .least = 1, .most = 99},
        {"sizes-of-all", NULL, "a flag that begins like it", .given = &v->quiet},
        {.name = NULL}};
    const mb_command_option options[] = {
        {"quiet", NULL, "says nothing", .letter = 'q', .given = &v->quiet},
        {"text", "WORD", "a text", .letter = 't', .text = &v->text, .given = &v->text_given},
        {"level", "NAME", "{} (default low)", .text = &v->level, .choices = levels,
         .choice_count = 3},
        {"place", "DIR", "a place; may be given several times", .texts = &v->places},
        {"number", "N",
         "a number, {}, with a help that is so long that it does not fit into a line of a terminal "
         "and goes on below",
         .letter = 'n', .whole = &v->number, .least = -8, .most = 8},
        {"mode", "NAME", "{}", .choice = &v->mode, .choices = modes, .choice_count = 6,
         .any_case = true},
        {.included = others},
        {"seed", "S", "{}", .seed = &v->seed},
        {"rate", "X", "{}", .real = &v->rate, .least = 0, .most = 2, .above = true},
        {"read", "WORD", "whatever it makes of it", .read = read_twice, .target = v},
        {"gpu", "N", NULL, .whole = &(int32_t){0}, .most = 7, .expected = "the number of a GPU"},
        {.name = NULL}};
    const mb_command_line line = {.program = "merbench try",
                                  .usage = "usage: merbench try FILE [OTHER] [OPTIONS]",
                                  .notes = "example: none",
                                  .options = options,
                                  .operands = {"FILE", "OTHER"},
                                  .least = 1};
    return use(&line, context);
}

typedef struct attempt {
    char text[2048]; // words, each with a terminating zero
    char *words[MOST_WORDS + 2];
    int count;
    mb_operands operands;
    mb_error error;
} attempt;

static mb_status parse_words(const mb_command_line *line, void *context) {
    attempt *a = context;
    return mb_command_line_parse(line, a->count, a->words, &a->operands, &a->error);
}

// `text` is split at blanks; "''" is an empty word.
static mb_status parse(const char *text, values *v, attempt *a) {
    *a = (attempt){.count = 0};
    *v = (values){.number = 5, .level = "low", .sizes = {2, {7, 8}}, .seed = 1, .rate = 0.5};
    snprintf(a->text, sizeof a->text, "try %s", text);
    for (char *rest = a->text, *word; (word = strsep(&rest, " ")) != NULL && a->count < MOST_WORDS;)
        a->words[a->count++] = strcmp(word, "''") == 0 ? word + 2 : word;
    return with_line(v, parse_words, a);
}

static void take(const char *text, values *v, attempt *a) {
    if (parse(text, v, a) != MB_OK)
        fail_msg("'%s' was refused: %s", text, a->error.message);
}

static void refuse(const char *text, const char *message) {
    values v;
    attempt a;
    if (parse(text, &v, &a) != MB_USAGE)
        fail_msg("'%s' was taken", text);
    if (strcmp(a.error.message, message) != 0)
        fail_msg("'%s': expected '%s', found '%s'", text, message, a.error.message);
}

static void test_values(void **state) {
    (void)state;
    values v;
    attempt a;
    take("a", &v, &a); // values keep their defaults
    assert_false(v.quiet || v.text_given);
    assert_true(v.number == 5 && v.seed == 1 && v.rate == 0.5 && v.sizes.count == 2);
    assert_null(v.text);
    take("a --quiet --text w --level high --place p --place q --number -8 --mode FOUR --size 1,99 "
         "--seed 4294967295 --rate 2 --read ab --gpu 7",
         &v, &a);
    assert_true(v.quiet && v.text_given);
    assert_string_equal(v.text, "w");
    assert_string_equal(v.level, "high");
    assert_int_equal(v.places.count, 2);
    assert_string_equal(v.places.items[1], "q");
    assert_int_equal(v.number, -8);
    assert_int_equal(v.mode, 3);
    assert_int_equal(v.sizes.count, 2);
    assert_int_equal(v.sizes.items[1], 99);
    assert_int_equal(v.seed, UINT32_MAX);
    assert_true(v.rate == 2);
    assert_string_equal(v.read, "abab");
    take("a --text '' --number=3 --text=x=y --number 4", &v, &a); // the last one counts
    assert_string_equal(v.text, "x=y");
    assert_int_equal(v.number, 4);
    take("a --text ''", &v, &a);
    assert_string_equal(v.text, "");
    take("a --text --quiet", &v, &a); // a value may look like an option
    assert_string_equal(v.text, "--quiet");
    assert_false(v.quiet);
}

static void test_names(void **state) {
    (void)state;
    values v;
    attempt a;
    take("a -q -t w -n3", &v, &a);
    assert_true(v.quiet && v.number == 3);
    assert_string_equal(v.text, "w");
    take("a -qtw", &v, &a);
    assert_true(v.quiet);
    assert_string_equal(v.text, "w");
    // --size is a full name, although another name begins with it.
    take("a --qui --num 2 --te=w --size 3", &v, &a);
    assert_true(v.quiet && v.number == 2 && v.sizes.count == 1 && v.sizes.items[0] == 3);
    refuse("a --s 3", "option '--s' could be --size, --sizes-of-all, --seed");
    refuse("a --nmber 3", "unknown option '--nmber'; did you mean '--number'?");
    refuse("a --nmber=3", "unknown option '--nmber'; did you mean '--number'?");
    refuse("a --hlep", "unknown option '--hlep'; did you mean '--help'?");
    refuse("a --frobnicate", "unknown option '--frobnicate'; 'merbench try --help' lists the "
                             "options");
    refuse("a --gpx 1", "unknown option '--gpx'; 'merbench try --help' lists the options");
    refuse("a -x", "unknown option '-x'; 'merbench try --help' lists the options");
    refuse("--quiet -xq", "unknown option '-x'; 'merbench try --help' lists the options");
    refuse("a --quiet=yes", "option '--quiet' takes no value, found '--quiet=yes'");
    refuse("a --qui=yes", "option '--quiet' takes no value, found '--qui=yes'");
    refuse("a --help=yes", "option '--help' takes no value, found '--help=yes'");
    refuse("a --text", "option '--text' needs a value: WORD");
    refuse("a -q -t", "option '-t' needs a value: WORD");
    refuse("a -qt", "option '-t' needs a value: WORD");
}

static void test_wrong_values(void **state) {
    (void)state;
    static const char *const numbers[] = {
        "9", "-9", "1.5", "1e1", "0x1", "+1", "''", "-", "--", "3x", "99999999999999999999", "two"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[64], message[128];
        const char *value = strcmp(numbers[i], "''") == 0 ? "" : numbers[i];
        snprintf(text, sizeof text, "a --number %s", numbers[i]);
        snprintf(message, sizeof message, "--number: expected a whole number -8..8, found '%s'",
                 value);
        refuse(text, message);
    }
    refuse("a --seed -1", "--seed: expected a whole number 0..4294967295, found '-1'");
    refuse("a --seed 4294967296",
           "--seed: expected a whole number 0..4294967295, found '4294967296'");
    refuse("a --size 1,0", "--size: expected a whole number 1..99, found '0'");
    refuse("a --size 1,,2", "--size: expected a whole number 1..99, found ''");
    refuse("a --size ''", "--size: expected a whole number 1..99, found ''");
    refuse("a --rate 0", "--rate: expected a number above 0 and up to 2, found '0'");
    refuse("a --rate 2.5", "--rate: expected a number above 0 and up to 2, found '2.5'");
    refuse("a --rate nan", "--rate: expected a number above 0 and up to 2, found 'nan'");
    refuse("a --rate 1x", "--rate: expected a number above 0 and up to 2, found '1x'");
    refuse("a --level LOW", "--level: expected low, middle or high, found 'LOW'; did you mean "
                            "'low'?");
    refuse("a --level x", "--level: expected low, middle or high, found 'x'");
    refuse("a --mode foru", "--mode: unknown value 'foru'; did you mean 'four'?");
    refuse("a --mode none-of-them",
           "--mode: expected one, two, three, four, five or six, found 'none-of-them'");
    refuse("a --read bad", "--read: it is bad");
    refuse("a --gpu 8", "--gpu: expected the number of a GPU, found '8'");
}

// Options that are given too often.
static void test_many(void **state) {
    (void)state;
    values v;
    attempt a;
    char text[1024] = "a --size 1";
    for (int i = 1; i < MB_MOST_VALUES; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ",1");
    take(text, &v, &a);
    assert_int_equal(v.sizes.count, MB_MOST_VALUES);
    snprintf(text + strlen(text), sizeof text - strlen(text), ",1");
    refuse(text, "--size: expected at most 32 numbers");
    snprintf(text, sizeof text, "a");
    for (int i = 0; i < MB_MOST_VALUES; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " --place=p");
    take(text, &v, &a);
    assert_int_equal(v.places.count, MB_MOST_VALUES);
    snprintf(text + strlen(text), sizeof text - strlen(text), " --place=p");
    refuse(text, "--place: given more than 32 times");
}

static void test_operands(void **state) {
    (void)state;
    values v;
    attempt a;
    take("one -q two --number 2", &v, &a);
    assert_true(v.quiet && v.number == 2);
    assert_int_equal(a.operands.count, 2);
    assert_string_equal(a.operands.items[0], "one");
    assert_string_equal(a.operands.items[1], "two");
    take("--number 2 -- --quiet", &v, &a);
    assert_int_equal(a.operands.count, 1);
    assert_string_equal(a.operands.items[0], "--quiet");
    assert_false(v.quiet);
    take("-", &v, &a);
    assert_string_equal(a.operands.items[0], "-");
    refuse("-q", "FILE is missing; 'merbench try --help' explains");
    refuse("a b c", "unexpected argument 'c'; 'merbench try --help' explains");
}

static void test_required(void **state) {
    (void)state;
    const char *output = NULL, *like = NULL;
    const mb_command_option options[] = {
        {"like", "NAME", "a name", .text = &like, .required = true},
        {"output", "FILE", "a file", .text = &output, .letter = 'o', .required = true},
        {.name = NULL}};
    const mb_command_line line = {
        .program = "p", .usage = "u", .options = options, .operands = {"FILE"}, .repeats = true};
    char words[][8] = {"p", "x", "--like", "a", "y", "-o", "b"};
    char *argv[8] = {words[0], words[1], words[2], words[3], words[4], words[5], words[6]};
    mb_operands operands;
    mb_error error;
    assert_int_equal(mb_command_line_parse(&line, 1, argv, &operands, &error), MB_USAGE);
    assert_string_equal(error.message, "--like NAME is missing; 'p --help' explains");
    char *less[4] = {words[0], words[2], words[3]};
    assert_int_equal(mb_command_line_parse(&line, 3, less, &operands, &error), MB_USAGE);
    assert_string_equal(error.message, "-o FILE is missing; 'p --help' explains");
    assert_int_equal(mb_command_line_parse(&line, 7, argv, &operands, &error), MB_OK);
    assert_int_equal(operands.count, 2); // the last operand repeats
    assert_string_equal(operands.items[1], "y");
    assert_string_equal(output, "b");
}

static mb_status print(const mb_command_line *line, void *context) {
    mb_command_line_help(line, context);
    return MB_OK;
}

static void test_help(void **state) {
    (void)state;
    static const char expected[] =
        "usage: merbench try FILE [OTHER] [OPTIONS]\n\n"
        "  -q, --quiet         says nothing\n"
        "  -t, --text WORD     a text\n"
        "      --level NAME    low, middle or high (default low)\n"
        "      --place DIR     a place; may be given several times\n"
        "  -n, --number N      a number, -8..8, with a help that is so long that it does not fit "
        "into a\n"
        "                      line of a terminal and goes on below\n"
        "      --mode NAME     one, two, three, four, five or six\n"
        "      --size N,N,...  sizes\n"
        "      --sizes-of-all  a flag that begins like it\n"
        "      --seed S        0..4294967295\n"
        "      --rate X        above 0 and up to 2\n"
        "      --read WORD     whatever it makes of it\n"
        "\nexample: none\n";
    values v = {.quiet = false};
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    assert_non_null(stream);
    with_line(&v, print, stream);
    fclose(stream);
    assert_string_equal(text, expected);
    free(text);
}

// With --help nothing else is done, whatever follows it and whatever is missing.
static void test_help_is_asked_for(void **state) {
    (void)state;
    values v;
    attempt a;
    take("--help", &v, &a);
    assert_true(a.operands.help_shown);
    take("-n 2 -h --nonsense", &v, &a);
    assert_true(a.operands.help_shown && v.number == 2);
    refuse("--nonsense --help", "unknown option '--nonsense'; 'merbench try --help' lists the "
                                "options");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_wrong_values), cmocka_unit_test(test_many),
        cmocka_unit_test(test_operands),     cmocka_unit_test(test_required),
        cmocka_unit_test(test_help),         cmocka_unit_test(test_help_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
