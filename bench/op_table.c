#include "op_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "bytes.h"

// ---- lines --------------------------------------------------------------------------------------

static void add(mb_bench_op_line *to, const mb_bench_op_line *line) {
    if (to->op == NULL || line->most_bytes > to->most_bytes) {
        to->op = line->op;
        to->most_bytes = line->most_bytes;
    }
    to->count += line->count;
    to->seconds += line->seconds;
    to->bytes += line->bytes;
    to->multiply_accumulates += line->multiply_accumulates;
}

static int slowest_first(const void *a, const void *b) {
    const mb_bench_op_line *x = a, *y = b;
    return x->seconds != y->seconds
               ? (x->seconds < y->seconds) - (x->seconds > y->seconds)
               : y->count - x->count; // kinds that are not in the plan come last
}

mb_status mb_bench_op_table_make(const mb_plan *plan, int32_t models, double copy,
                                 const double *op_seconds, int32_t steps, mb_bench_op_table *table,
                                 mb_error *error) {
    *table = (mb_bench_op_table){.plan = plan, .models = models, .copy = copy};
    table->ops = calloc((size_t)plan->op_count + 1, sizeof *table->ops);
    if (table->ops == NULL)
        return mb_out_of_memory(error, "ops");
    for (int32_t i = 0; i < plan->op_count; i++) {
        const mb_plan_op *op = &plan->ops[i];
        int64_t bytes = mb_bench_op_bytes(plan, op);
        table->ops[i] = (mb_bench_op_line){.op = op,
                                           .most_bytes = bytes,
                                           .count = 1,
                                           .seconds = op_seconds[i] / steps,
                                           .bytes = (double)bytes * models,
                                           .multiply_accumulates =
                                               (double)mb_bench_op_products(plan, op) * models};
        table->kind_count += table->kinds[op->kind].count == 0;
        add(&table->kinds[op->kind], &table->ops[i]);
        add(&table->all, &table->ops[i]);
    }
    qsort(table->kinds, MB_OP_COUNT, sizeof *table->kinds, slowest_first);
    return MB_OK;
}

void mb_bench_op_table_free(mb_bench_op_table *table) {
    free(table->ops);
    *table = (mb_bench_op_table){0};
}

// ---- numbers and shapes -------------------------------------------------------------------------

// A rate in units of 1e9 a second; 0 for an op that no run of the array has executed.
static double giga(double amount, double seconds) {
    return seconds > 0.0 ? 1e-9 * amount / seconds : 0.0;
}

static double share_of(const mb_bench_op_table *table, const mb_bench_op_line *line) {
    return table->all.seconds > 0.0 ? line->seconds / table->all.seconds : 0.0;
}

static void print_operands(const mb_operand *operands, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        char shape[64];
        mb_shape_print(&operands[i].shape, shape, sizeof shape);
        printf("%s%s", i > 0 ? " " : "", shape);
    }
}

// "(B, 128) (128, 128) -> (B, 128)"; an update names its weight: "... -> fc_att.weight (3, 128)".
static void print_shapes(const mb_plan *plan, const mb_plan_op *op) {
    print_operands(op->inputs, op->input_count);
    fputs(op->input_count > 0 ? " -> " : "-> ", stdout);
    if (mb_bench_op_updates(op)) {
        const mb_parameter *parameter = &plan->parameters[op->params.update.parameter];
        char shape[64];
        mb_shape_print(&parameter->shape, shape, sizeof shape);
        printf("%s %s", parameter->name, shape);
    } else {
        print_operands(op->outputs, op->output_count);
    }
}

// ---- text ---------------------------------------------------------------------------------------

static void print_heading(void) {
    printf("%-28s %6s %11s %7s %11s %9s %8s %10s\n", "", "ops", "us a step", "share", "MB a step",
           "GB/s", "of copy", "Gflop/s");
}

static void print_line(const mb_bench_op_table *t, const char *name, const mb_bench_op_line *line,
                       bool shapes) {
    double rate = giga(line->bytes, line->seconds);
    printf("%-28s %6d %11.2f %6.1f%% %11.3f %9.1f ", name, line->count, 1e6 * line->seconds,
           100.0 * share_of(t, line), 1e-6 * line->bytes, rate);
    if (t->copy > 0.0)
        printf("%7.1f%%", 100.0 * rate / t->copy);
    else
        printf("%8s", "-");
    if (line->multiply_accumulates > 0.0)
        printf(" %10.1f", giga(2.0 * line->multiply_accumulates, line->seconds));
    else if (shapes)
        printf(" %10s", "");
    if (shapes) {
        fputs("  ", stdout);
        print_shapes(t->plan, line->op);
    }
    putchar('\n');
}

void mb_bench_op_table_print(const mb_bench_op_table *t, bool verbose) {
    print_heading();
    for (int32_t i = 0; verbose && i < t->plan->op_count; i++)
        print_line(t, mb_op_infos[t->ops[i].op->kind].name, &t->ops[i], true);
    if (verbose) {
        putchar('\n');
        print_heading();
    }
    for (int32_t i = 0; i < t->kind_count; i++)
        print_line(t, mb_op_infos[t->kinds[i].op->kind].name, &t->kinds[i], verbose);
    print_line(t, "all", &t->all, false);
}

// ---- JSON ---------------------------------------------------------------------------------------

static void print_json_line(const mb_bench_op_table *t, const char *what,
                            const mb_bench_op_line *line, bool shapes) {
    double rate = giga(line->bytes, line->seconds);
    printf("{\"what\": \"%s\", \"op\": \"%s\", \"count\": %d, \"seconds\": %.6g, \"share\": %.6g, "
           "\"bytes\": %.17g, \"gigabytes_per_second\": %.6g, "
           "\"multiply_accumulates\": %.17g, \"gigaflops\": %.6g",
           what, mb_op_infos[line->op->kind].name, line->count, line->seconds, share_of(t, line),
           line->bytes, rate, line->multiply_accumulates,
           giga(2.0 * line->multiply_accumulates, line->seconds));
    if (t->copy > 0.0)
        printf(", \"of_copy\": %.6g", rate / t->copy);
    if (shapes) {
        fputs(", \"shapes\": \"", stdout);
        print_shapes(t->plan, line->op);
        putchar('"');
    }
    puts("}");
}

void mb_bench_op_table_print_json(const mb_bench_op_table *t, bool verbose) {
    for (int32_t i = 0; verbose && i < t->plan->op_count; i++)
        print_json_line(t, "plan_op", &t->ops[i], true);
    for (int32_t i = 0; i < t->kind_count; i++)
        print_json_line(t, "op", &t->kinds[i], verbose);
}
