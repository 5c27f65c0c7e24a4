// Recognises a rollback journal that is not this file's own.
//
// Before a ledger has its log, and after it, SQLite changes the file with a rollback journal. A
// killed process leaves results.db-journal, and SQLite writes its pages back into whatever file is
// beside it, and cuts the file to the length that the journal states.
//
// A journal belongs to a file if the first page that it keeps is the one that the file has, or had
// before one transaction. https://www.sqlite.org/fileformat2.html#the_rollback_journal
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sweep/ledger_internal.h"

enum { HEAD = 28, LEAST_PAGE = 512, MOST_PAGE = 65536 };

typedef struct journal {
    uint32_t records, pages; // pages: of the file before the transaction
    size_t sector, page_size;
} journal;

static bool read_head(FILE *file, journal *found) {
    static const unsigned char magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    unsigned char head[HEAD];
    if (fread(head, 1, HEAD, file) != HEAD || memcmp(head, magic, sizeof magic) != 0)
        return false;
    found->records = mb_big_endian(head + 8);
    found->pages = mb_big_endian(head + 16);
    found->sector = mb_big_endian(head + 20);
    found->page_size = mb_big_endian(head + 24);
    return found->sector >= HEAD && found->sector <= MOST_PAGE && found->page_size >= LEAST_PAGE &&
           found->page_size <= MOST_PAGE;
}

// Finds the first page of the database among the records. `record` has room for one.
static bool find_first_page(FILE *file, const journal *found, unsigned char *record) {
    size_t size = 4 + found->page_size + 4; // number, page, checksum
    if (fseek(file, (long)found->sector, SEEK_SET) != 0)
        return false;
    for (uint32_t i = 0; i < found->records && fread(record, 1, size, file) == size; i++)
        if (mb_big_endian(record) == 1) {
            memmove(record, record + 4, found->page_size);
            return true;
        }
    return false;
}

static bool read_first_page(const mb_ledger *ledger, size_t size, unsigned char *page) {
    FILE *file = fopen(ledger->file, "rbe");
    bool there = file != NULL && fread(page, 1, size, file) == size;
    if (file != NULL)
        fclose(file);
    return there;
}

// Whether the first pages differ only in what a change of the journal's mode changes: the versions
// of the format, the change counter, and the version that it was written with.
static bool differ_in_mode_only(unsigned char *kept, unsigned char *page, size_t size) {
    memset(kept + 18, 0, 2);
    memset(page + 18, 0, 2);
    memset(kept + 24, 0, 4);
    memset(page + 24, 0, 4);
    memset(kept + 92, 0, 8);
    memset(page + 92, 0, 8);
    return memcmp(kept, page, size) == 0;
}

static bool belongs(const mb_ledger *ledger, const journal *found, unsigned char *kept,
                    unsigned char *page) {
    struct stat info;
    if (stat(ledger->file, &info) != 0 || !read_first_page(ledger, found->page_size, page))
        return false;
    uint32_t steps = mb_big_endian(page + 24) - mb_big_endian(kept + 24); // of the change counter
    int64_t size = (int64_t)found->pages * (int64_t)found->page_size;
    if (steps > 1 || mb_big_endian(kept + 28) != found->pages || size > info.st_size)
        return false;
    return found->records > 1 ||
           (size == info.st_size && differ_in_mode_only(kept, page, found->page_size));
}

static mb_status check(mb_ledger *ledger, FILE *file, const journal *found, int64_t commits,
                       mb_error *error) {
    unsigned char *kept = malloc(found->page_size + 8), *page = malloc(found->page_size);
    mb_status status = MB_OK;
    if (kept == NULL || page == NULL)
        status = mb_out_of_memory(error, "the journal of a results database");
    else if (found->pages == 0) // of a process that was killed while it created a ledger
        status = commits == 0 ? MB_OK : MB_BAD_INPUT;
    else if (!find_first_page(file, found, kept) || !belongs(ledger, found, kept, page))
        status = MB_BAD_INPUT;
    free(kept);
    free(page);
    return status;
}

mb_status mb_ledger_check_journal(mb_ledger *ledger, int64_t commits, mb_error *error) {
    char *name = sqlite3_mprintf("%s-journal", ledger->file);
    if (name == NULL)
        return mb_out_of_memory(error, "opening a results database");
    FILE *file = fopen(name, "rbe");
    journal found;
    sqlite3_free(name);
    if (file == NULL)
        return errno == ENOENT ? MB_OK
                               : mb_fail(error, MB_FAILED, "%s-journal: cannot be read: %s",
                                         ledger->path, strerror(errno));
    mb_status status =
        read_head(file, &found) ? check(ledger, file, &found, commits, error) : MB_OK;
    fclose(file);
    if (status == MB_BAD_INPUT)
        mb_fail(
            error, status,
            "%s-journal: this journal belongs to another file, or to another state of this one; "
            "applying it would damage the file. Move it away (mv %s-journal %s-journal.old) to "
            "go on without it",
            ledger->path, ledger->path, ledger->path);
    return status;
}
