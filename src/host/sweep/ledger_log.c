// Recognises a log that is not this file's own, before SQLite applies it.
//
// SQLite applies results.db-wal to whatever results.db is beside it. If the file was copied there
// over a killed sweep's, the log is that of another file, or of another state of the same one. Old
// runs come back, or pages are overwritten with those of another ledger.
//
// So every transaction counts itself in a table of one row, `mark`, which thereby is in the log as
// well: the session, which is a random number that is drawn whenever a writer begins a log; the
// session before it; and the number of transactions. A log belongs to a file if it begins right
// after the state of the file, or earlier, and does not end before it.
//
// https://www.sqlite.org/fileformat2.html describes the file and its log.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sweep/ledger_internal.h"

typedef struct mark {
    char session[33], previous[33];
    int64_t commits;
} mark;

// ---- the mark of the file ---------------------------------------------------------------------

typedef struct file_state {
    bool known;   // the file alone is a ledger that has a mark
    int64_t page; // that the mark is on
    mark mark;    // of the file without its log
} file_state;

static void copy_text(sqlite3_stmt *statement, int column, char text[33]) {
    const char *found = (const char *)sqlite3_column_text(statement, column);
    snprintf(text, 33, "%s", found != NULL ? found : "");
}

// Reads the file without its log. A file that cannot be read in this way is left to SQLite.
static mb_status read_file(mb_ledger *ledger, file_state *file, mb_error *error) {
    static const char sql[] = "SELECT session, previous, commits, (SELECT rootpage FROM "
                              "sqlite_schema WHERE name = 'mark') FROM mark";
    sqlite3 *alone = NULL;
    sqlite3_stmt *statement = NULL;
    char *name = mb_ledger_immutable_name(ledger);
    if (name == NULL)
        return mb_out_of_memory(error, "opening a results database");
    int result = sqlite3_open_v2(name, &alone, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    sqlite3_free(name);
    if (result == SQLITE_OK)
        result = sqlite3_prepare_v2(alone, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    file->known = result == SQLITE_ROW;
    if (file->known) {
        copy_text(statement, 0, file->mark.session);
        copy_text(statement, 1, file->mark.previous);
        file->mark.commits = sqlite3_column_int64(statement, 2);
        file->page = sqlite3_column_int64(statement, 3);
    }
    sqlite3_finalize(statement);
    sqlite3_close(alone);
    return MB_OK;
}

// ---- the marks of the log ---------------------------------------------------------------------

typedef struct log_state {
    int64_t frames; // that SQLite would apply
    bool marked;
    mark first, last; // of its transactions
} log_state;

enum { LOG_HEAD = 32, FRAME_HEAD = 24, LEAST_PAGE = 512, MOST_PAGE = 65536 };

static uint32_t little(const unsigned char *bytes) {
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

// Adds `count` bytes, a multiple of 8, to the checksum of the log.
static void add_checksum(bool big_endian, const unsigned char *bytes, size_t count,
                         uint32_t sum[2]) {
    for (size_t i = 0; i < count; i += 8) {
        sum[0] += (big_endian ? mb_big_endian(bytes + i) : little(bytes + i)) + sum[1];
        sum[1] += (big_endian ? mb_big_endian(bytes + i + 4) : little(bytes + i + 4)) + sum[0];
    }
}

// A variable-length integer of at most 9 bytes. Returns its length, 0 if it does not end in time.
static int read_varint(const unsigned char *bytes, const unsigned char *end, int64_t *value) {
    uint64_t result = 0;
    for (int i = 0; i < 9 && bytes + i < end; i++) {
        result = i < 8 ? result << 7 | (bytes[i] & 0x7f) : result << 8 | bytes[i];
        if (i == 8 || bytes[i] < 0x80) {
            *value = (int64_t)result;
            return i + 1;
        }
    }
    return 0;
}

// Reads a text of 0 to 32 bytes with the given serial type.
static bool read_text(const unsigned char **at, const unsigned char *end, int64_t type,
                      char text[33]) {
    int64_t length = type >= 13 && type % 2 == 1 ? (type - 13) / 2 : -1;
    if (length < 0 || length > 32 || length > end - *at)
        return false;
    memcpy(text, *at, (size_t)length);
    text[length] = '\0';
    *at += length;
    return true;
}

static bool read_integer(const unsigned char *at, const unsigned char *end, int64_t type,
                         int64_t *value) {
    static const int lengths[] = {0, 1, 2, 3, 4, 6, 8};
    if (type == 8 || type == 9) {
        *value = type - 8;
        return true;
    }
    if (type < 1 || type > 6 || lengths[type] > end - at)
        return false;
    uint64_t result = at[0] >= 0x80 ? ~UINT64_C(0) : 0;
    for (int i = 0; i < lengths[type]; i++)
        result = result << 8 | at[i];
    *value = (int64_t)result;
    return true;
}

// Reads the only row of a leaf page: id (stored as NULL), session, previous, commits.
static bool read_row(const unsigned char *page, size_t size, mark *found) {
    const unsigned char *end = page + size;
    if (page[0] != 0x0d || page[3] != 0 || page[4] != 1)
        return false;
    size_t offset = (size_t)page[8] << 8 | page[9];
    int64_t skipped, head, types[4];
    if (offset >= size)
        return false;
    const unsigned char *at = page + offset;
    for (int i = 0; i < 2; i++) { // the length of the row, and its number
        int length = read_varint(at, end, &skipped);
        if (length == 0)
            return false;
        at += length;
    }
    const unsigned char *types_at = at;
    int length = read_varint(types_at, end, &head);
    if (length == 0 || head < length || head > end - at)
        return false;
    types_at += length;
    for (int i = 0; i < 4; i++, types_at += length)
        if ((length = read_varint(types_at, at + head, &types[i])) == 0)
            return false;
    at += head;
    return types[0] == 0 && read_text(&at, end, types[1], found->session) &&
           read_text(&at, end, types[2], found->previous) &&
           read_integer(at, end, types[3], &found->commits);
}

static void note_commit(log_state *log, const mark *found, bool any) {
    if (!any)
        return;
    if (!log->marked)
        log->first = *found;
    log->last = *found;
    log->marked = true;
}

// Reads frames until the first that SQLite would not apply. Uncommitted frames at the end do not
// count.
static void read_frames(FILE *file, const unsigned char *head, unsigned char *frame, size_t size,
                        int64_t page, log_state *log) {
    bool big_endian = (head[3] & 1) != 0, pending = false;
    uint32_t sum[2] = {mb_big_endian(head + 24), mb_big_endian(head + 28)};
    int64_t frames = 0;
    mark found = {.commits = 0};
    while (fread(frame, 1, FRAME_HEAD + size, file) == FRAME_HEAD + size) {
        add_checksum(big_endian, frame, 8, sum);
        add_checksum(big_endian, frame + FRAME_HEAD, size, sum);
        if (memcmp(frame + 8, head + 16, 8) != 0 || mb_big_endian(frame + 16) != sum[0] ||
            mb_big_endian(frame + 20) != sum[1])
            return;
        frames++;
        if (mb_big_endian(frame) == page && read_row(frame + FRAME_HEAD, size, &found))
            pending = true;
        if (mb_big_endian(frame + 4) == 0)
            continue;
        note_commit(log, &found, pending);
        log->frames = frames;
        pending = false;
    }
}

static bool is_log(const unsigned char head[LOG_HEAD], size_t *size) {
    uint32_t sum[2] = {0, 0}, magic = mb_big_endian(head);
    *size = mb_big_endian(head + 8);
    add_checksum((magic & 1) != 0, head, 24, sum);
    return (magic & ~UINT32_C(1)) == 0x377f0682 && mb_big_endian(head + 4) == 3007000 &&
           *size >= LEAST_PAGE && *size <= MOST_PAGE && (*size & (*size - 1)) == 0 &&
           sum[0] == mb_big_endian(head + 24) && sum[1] == mb_big_endian(head + 28);
}

static mb_status read_log(mb_ledger *ledger, int64_t page, log_state *log, mb_error *error) {
    unsigned char head[LOG_HEAD];
    size_t size;
    FILE *file = fopen(ledger->log_file, "rbe");
    if (file == NULL && errno == ENOENT)
        return MB_OK;
    if (file == NULL)
        return mb_fail(error, MB_FAILED, "%s-wal: cannot be read: %s", ledger->path,
                       strerror(errno));
    mb_status status = MB_OK;
    if (fread(head, 1, LOG_HEAD, file) == LOG_HEAD && is_log(head, &size)) {
        unsigned char *frame = malloc(FRAME_HEAD + size);
        if (frame != NULL)
            read_frames(file, head, frame, size, page, log);
        else
            status = mb_out_of_memory(error, "the log of a results database");
        free(frame);
    }
    if (status == MB_OK && ferror(file))
        status =
            mb_fail(error, MB_FAILED, "%s-wal: cannot be read: %s", ledger->path, strerror(errno));
    fclose(file);
    return status;
}

// ---- the check --------------------------------------------------------------------------------

// Why the log is not this file's own; NULL if it is.
static const char *foreign(const mark *file, const log_state *log) {
    const mark *first = &log->first, *last = &log->last;
    if (!log->marked)
        return "was not written by merbench";
    bool same = strcmp(first->session, file->session) == 0;
    bool next = strcmp(first->previous, file->session) == 0 && first->commits == file->commits + 1;
    if (!same && !next)
        return "belongs to another file, or to an earlier or later state of this one";
    if (first->commits > file->commits + 1)
        return "begins later than this file ends; the file is an older copy";
    return last->commits < file->commits ? "is older than this file" : NULL;
}

// Whether the file's header says that it has a log.
static bool expects_log(const mb_ledger *ledger) {
    unsigned char head[20] = {0};
    FILE *file = fopen(ledger->file, "rbe");
    bool expects =
        file != NULL && fread(head, 1, sizeof head, file) == sizeof head && head[18] == 2;
    if (file != NULL)
        fclose(file);
    return expects;
}

// Other names of the file may have the log beside them.
static mb_status check_names(mb_ledger *ledger, mb_error *error) {
    struct stat info;
    if (stat(ledger->file, &info) != 0 || info.st_nlink < 2)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: the file has %ld names (hard links), and the log with its last runs is "
                   "beside another one; open it by that name",
                   ledger->path, (long)info.st_nlink);
}

mb_status mb_ledger_check_log(mb_ledger *ledger, mb_error *error) {
    file_state file = {.known = false};
    log_state log = {.frames = 0};
    if (ledger->has_writer) // has checked the log when it began
        return MB_OK;
    mb_status status = read_file(ledger, &file, error);
    if (status == MB_OK && file.known)
        status = mb_ledger_check_journal(ledger, file.mark.commits, error);
    if (status == MB_OK)
        status = read_log(ledger, file.page, &log, error);
    if (status != MB_OK)
        return status;
    if (log.frames == 0 && expects_log(ledger)) {
        ledger->lost_log = true;
        return check_names(ledger, error);
    }
    const char *why = file.known && log.frames > 0 ? foreign(&file.mark, &log) : NULL;
    if (why == NULL)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "%s-wal: this log %s; applying it would mix two ledgers. Move it away (mv "
                   "%s-wal %s-wal.old) to go on without it, or put the file beside it that it "
                   "belongs to",
                   ledger->path, why, ledger->path, ledger->path);
}

// ---- sessions ---------------------------------------------------------------------------------

mb_status mb_ledger_count_commit(mb_ledger *ledger, mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_COUNT_COMMIT, error);
    if (status == MB_OK)
        status = mb_query_run(&query, error);
    return mb_query_close(&query, status, error);
}

// Remembers the session and where its mark is.
static mb_status note_session(mb_ledger *ledger, mb_error *error) {
    mb_query query;
    bool row = false;
    mb_status status = mb_query_number(ledger, SQL_GET_MARK_PAGE, &ledger->mark_page, error);
    if (status == MB_OK)
        status = mb_query_number(ledger, SQL_GET_PAGE_SIZE, &ledger->page_size, error);
    if (status != MB_OK)
        return status;
    status = mb_query_open(&query, ledger, SQL_GET_MARK, error);
    if (status == MB_OK)
        status = mb_query_next(&query, &row, error);
    if (row) {
        mb_query_text(&query, mark_session, ledger->session, sizeof ledger->session);
        mb_query_text(&query, mark_previous, ledger->previous, sizeof ledger->previous);
    }
    return mb_query_close(&query, status, error);
}

// A log that a killed writer left is moved into the file first. If a reader prevents that, the log
// and its session go on.
mb_status mb_ledger_begin_session(mb_ledger *ledger, mb_error *error) {
    struct stat info;
    sqlite3_busy_timeout(ledger->database, 0);
    mb_status status =
        mb_ledger_execute(ledger, "PRAGMA wal_checkpoint(TRUNCATE)", "opening", error);
    sqlite3_busy_timeout(ledger->database, MB_LEDGER_BUSY_MILLISECONDS);
    bool empty = stat(ledger->log_file, &info) != 0 || info.st_size == 0;
    if (status == MB_OK && empty) {
        mb_query query;
        status = mb_query_open(&query, ledger, SQL_NEW_SESSION, error);
        if (status == MB_OK)
            status = mb_query_run(&query, error);
        status = mb_query_close(&query, status, error);
    }
    return status == MB_OK ? note_session(ledger, error) : status;
}

// The file has the mark of the session or, before SQLite has moved the log into it, of the one
// before.
mb_status mb_ledger_check_mark(mb_ledger *ledger, mb_error *error) {
    unsigned char page[MOST_PAGE];
    mark found = {.session = ""};
    size_t size = (size_t)ledger->page_size;
    off_t offset = (off_t)((ledger->mark_page - 1) * ledger->page_size);
    ssize_t count = size <= sizeof page ? pread(ledger->lock, page, size, offset) : 0;
    if (count < 0)
        return mb_fail(error, MB_FAILED, "%s: cannot be read: %s", ledger->path, strerror(errno));
    if (count == (ssize_t)size && read_row(page, size, &found) &&
        (strcmp(found.session, ledger->session) == 0 ||
         strcmp(found.session, ledger->previous) == 0))
        return MB_OK;
    ledger->moved = true;
    return mb_fail(error, MB_FAILED,
                   "%s: the file was overwritten while it was written to; it is left as it is now, "
                   "and %s-wal has what was recorded last",
                   ledger->path, ledger->path);
}
