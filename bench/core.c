/*
 * What the core costs by itself: get, put, batches and queries through the C library, in microseconds of
 * CPU time (user and system) of this process for an operation or, in batches and queries, a record, and of
 * the clock. `make bench-core` builds and runs it:
 *
 *   core HOST PORT [ROUNDS] [RECORDS] [SET]
 *
 * The records are those of bench/cases.py, of seven bins, in a set that has no others. Each case is the
 * median of the rounds, in which the cases take turns.
 */
#include "aerospike_zig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { CASES = 4, ROUNDS_MAX = 99, BATCH = 1000 };

typedef struct {
    double cpu_us;
    double wall_us;
} cost;

typedef struct {
    asz_client *client;
    asz_writer request;
    asz_result result; /* offered to every call, so that none allocates once it is large enough */
    const char *set;
    int records;
} bench;

static void fail(const char *what, const asz_error *error)
{
    fprintf(stderr, "%s: %d %.*s\n", what, error->code, error->message_len, error->message);
    exit(1);
}

static cost now(void)
{
    struct rusage used;
    struct timespec wall;
    getrusage(RUSAGE_SELF, &used);
    clock_gettime(CLOCK_MONOTONIC, &wall);
    double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
    double cpu_us = (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    return (cost){cpu_s * 1e6 + cpu_us, (double)wall.tv_sec * 1e6 + (double)wall.tv_nsec / 1e3};
}

static void write_key(bench *bench, int number)
{
    asz_writer *to = &bench->request;
    char name[32];
    snprintf(name, sizeof name, "user_%d", number);
    asz_write_array(to, 3);
    asz_write_text(to, "test");
    asz_write_text(to, bench->set);
    asz_write_text(to, name);
}

static void write_bins(asz_writer *to, int number)
{
    char name[32], city[16];
    snprintf(name, sizeof name, "name_%08d", number);
    snprintf(city, sizeof city, "c%04d", number % 10000);
    asz_write_map(to, 7);
    asz_write_text(to, "id");
    asz_write_integer(to, number);
    asz_write_text(to, "age");
    asz_write_integer(to, 18 + number % 60);
    asz_write_text(to, "vip");
    asz_write_integer(to, number % 2);
    asz_write_text(to, "score");
    asz_write_float(to, number * 0.5);
    asz_write_text(to, "bal");
    asz_write_float(to, 1000.0 + number * 0.25);
    asz_write_text(to, "name");
    asz_write_text(to, name);
    asz_write_text(to, "city");
    asz_write_text(to, city);
}

/* What is not in the memory of this program would have to be released, and would be measured. */
static void expect_room(const bench *bench)
{
    if (bench->result.owned) {
        fprintf(stderr, "a result has %llu bytes\n", (unsigned long long)bench->result.length);
        exit(1);
    }
}

/* Runs a command; the result's length is kept, its memory used again. */
static void run(bench *bench, const char *what, int32_t command)
{
    asz_error error = {.size = sizeof error};
    if (asz_client_execute(bench->client, command, bench->request.data, bench->request.length, NULL,
                           &bench->result, &error) != ASZ_OK) {
        fail(what, &error);
    }
    expect_room(bench);
}

static int put_all(bench *bench)
{
    for (int number = 0; number < bench->records; number++) {
        asz_writer_clear(&bench->request);
        asz_write_array(&bench->request, 2);
        write_key(bench, number);
        write_bins(&bench->request, number);
        run(bench, "put", ASZ_PUT);
    }
    return bench->records;
}

static int get_all(bench *bench)
{
    for (int number = 0; number < bench->records; number++) {
        asz_writer_clear(&bench->request);
        asz_write_array(&bench->request, 1);
        write_key(bench, number);
        run(bench, "get", ASZ_GET);
    }
    return bench->records;
}

static int read_batches(bench *bench)
{
    int read = 0;
    for (int first = 0; first < bench->records; first += BATCH) {
        int count = bench->records - first < BATCH ? bench->records - first : BATCH;
        asz_writer_clear(&bench->request);
        asz_write_array(&bench->request, 3);
        asz_write_array(&bench->request, (uint32_t)count);
        for (int number = first; number < first + count; number++) {
            write_key(bench, number);
        }
        asz_write_integer(&bench->request, ASZ_GET);
        asz_write_nil(&bench->request);
        run(bench, "batch", ASZ_BATCH);
        asz_reader rows = {.data = bench->result.data, .length = bench->result.length};
        asz_value head;
        asz_read(&rows, &head);
        read += (int)head.length;
    }
    return read;
}

static int query_all(bench *bench)
{
    asz_error error = {.size = sizeof error};
    asz_query *query = NULL;
    int read = 0;
    asz_writer_clear(&bench->request);
    asz_write_map(&bench->request, 2);
    asz_write_text(&bench->request, "namespace");
    asz_write_text(&bench->request, "test");
    asz_write_text(&bench->request, "set");
    asz_write_text(&bench->request, bench->set);
    if (asz_query_open(bench->client, bench->request.data, bench->request.length, NULL, &query,
                       &error) != ASZ_OK) {
        fail("query", &error);
    }
    do {
        if (asz_query_next(query, &bench->result, &error) != ASZ_OK) {
            fail("query", &error);
        }
        expect_room(bench);
        asz_reader records = {.data = bench->result.data, .length = bench->result.length};
        asz_value head;
        asz_read(&records, &head);
        read += (int)head.length;
    } while (bench->result.length > 0);
    asz_query_close(query);
    return read;
}

static int by_size(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof values[0], by_size);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(bench *);
    } cases[CASES] = {{"put", put_all}, {"get", get_all}, {"batch", read_batches},
                      {"query", query_all}};
    static double cpu[CASES][ROUNDS_MAX], wall[CASES][ROUNDS_MAX];
    if (argc < 3) {
        fprintf(stderr, "usage: %s HOST PORT [ROUNDS] [RECORDS] [SET]\n", argv[0]);
        return 2;
    }
    int rounds = argc > 3 ? atoi(argv[3]) : 5;
    bench bench = {.records = argc > 4 ? atoi(argv[4]) : 10000,
                   .set = argc > 5 ? argv[5] : "bench_core"};
    if (rounds < 1 || rounds > ROUNDS_MAX || bench.records < 1) {
        fprintf(stderr, "from 1 to %d rounds of at least one record\n", ROUNDS_MAX);
        return 2;
    }
    uint64_t capacity = 4u << 20;
    bench.request.size = sizeof bench.request;
    bench.result = (asz_result){.size = sizeof bench.result, .data = malloc(capacity),
                                .capacity = capacity};
    if (bench.result.data == NULL) {
        return 1;
    }
    asz_write_map(&bench.request, 1);
    asz_write_text(&bench.request, "hosts");
    asz_write_array(&bench.request, 1);
    asz_write_array(&bench.request, 2);
    asz_write_text(&bench.request, argv[1]);
    asz_write_integer(&bench.request, atoi(argv[2]));
    asz_error error = {.size = sizeof error};
    if (asz_client_create(bench.request.data, bench.request.length, &bench.client, &error) != ASZ_OK ||
        asz_client_connect(bench.client, &error) != ASZ_OK) {
        fail("connect", &error);
    }
    put_all(&bench); /* Not measured: connections are opened, memory grows. */
    for (int round = 0; round < rounds; round++) {
        for (int each = 0; each < CASES; each++) {
            cost before = now();
            int count = cases[each].run(&bench);
            cost after = now();
            if (count != bench.records) {
                fprintf(stderr, "%s: %d of %d records\n", cases[each].name, count, bench.records);
                return 1;
            }
            cpu[each][round] = (after.cpu_us - before.cpu_us) / count;
            wall[each][round] = (after.wall_us - before.wall_us) / count;
        }
    }
    printf("%-8s %10s %10s\n", "", "CPU, us", "clock, us");
    for (int each = 0; each < CASES; each++) {
        printf("%-8s %10.2f %10.2f\n", cases[each].name, median(cpu[each], rounds),
               median(wall[each], rounds));
    }
    asz_client_destroy(bench.client);
    asz_writer_release(&bench.request);
    free(bench.result.data);
    return 0;
}
