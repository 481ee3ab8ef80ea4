/* How are records kept in files? */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "store.h"

struct file_store {
    struct store store;
    /* The folder, open; everything below it is named relative to it. */
    int folder;
};

/* A sign-in that has been over for so long that nobody will ask for its record again. */
static const uint64_t ABANDONED_MS = 60 * 60 * 1000;

/* Longer than any key. */
enum { MAX_NAME = 128 };

/* Longer than any record. */
static const off_t MAX_RECORD = 4 * 1024 * 1024;

/* The file of a key, whose `/` would be a folder. */
static bool file_name(mcp_oauth_slice key, char name[MAX_NAME])
{
    if (key.len >= MAX_NAME)
        return false;
    for (size_t i = 0; i < key.len; i++)
        name[i] = key.data[i] == '/' ? '-' : (char)key.data[i];
    name[key.len] = '\0';
    return true;
}

/* Waits until no other process works in the folder; closing the file ends it. */
static int lock(const struct file_store *files)
{
    int file = openat(files->folder, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0 && flock(file, LOCK_EX) != 0) {
        close(file);
        file = -1;
    }
    return file;
}

static int32_t read_whole(int file, uint8_t **record, size_t *length)
{
    struct stat status;
    if (fstat(file, &status) != 0 || status.st_size <= 0 || status.st_size > MAX_RECORD)
        return MCP_OAUTH_STORE_RESULT_FAILED;
    size_t size = (size_t)status.st_size, used = 0;
    uint8_t *bytes = malloc(size);
    while (bytes != NULL && used < size) {
        ssize_t got = read(file, bytes + used, size - used);
        if (got <= 0) {
            explicit_bzero(bytes, used);
            free(bytes);
            return MCP_OAUTH_STORE_RESULT_FAILED;
        }
        used += (size_t)got;
    }
    *record = bytes;
    *length = size;
    return bytes == NULL ? MCP_OAUTH_STORE_RESULT_FAILED : MCP_OAUTH_STORE_RESULT_LOADED;
}

static int32_t load(struct store *store, mcp_oauth_slice key, uint8_t **record, size_t *length)
{
    const struct file_store *files = (const struct file_store *)store;
    char name[MAX_NAME];
    if (!file_name(key, name))
        return MCP_OAUTH_STORE_RESULT_FAILED;
    /* Without the lock: a file is replaced as a whole. */
    int file = openat(files->folder, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? MCP_OAUTH_STORE_RESULT_NOTHING : MCP_OAUTH_STORE_RESULT_FAILED;
    int32_t result = read_whole(file, record, length);
    close(file);
    return result;
}

/* Whether the store holds the generation that is expected: DONE if so, CONFLICT if not, FAILED for a record that cannot
 * be read and so must not be thrown away. */
static int32_t compare(struct store *store, const mcp_oauth_step *step)
{
    uint8_t *record = NULL;
    size_t length = 0;
    uint64_t held = 0;
    int32_t result = load(store, step->key, &record, &length);
    if (result == MCP_OAUTH_STORE_RESULT_LOADED) {
        bool readable = mcp_oauth_generation_of((mcp_oauth_slice){record, length}, &held) == MCP_OAUTH_STATUS_OK;
        explicit_bzero(record, length);
        free(record);
        if (!readable)
            return MCP_OAUTH_STORE_RESULT_FAILED;
    } else if (result != MCP_OAUTH_STORE_RESULT_NOTHING) {
        return result;
    }
    return held == step->expected ? MCP_OAUTH_STORE_RESULT_DONE : MCP_OAUTH_STORE_RESULT_CONFLICT;
}

/* Replaces a file as a whole; on disk when this returns. A record that expires has that time as its file's. */
static bool replace(const struct file_store *files, const char *name, const mcp_oauth_step *step)
{
    /* A fixed name: the lock is held, and what a crash left behind is overwritten. */
    int file = openat(files->folder, ".draft", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    bool good = true;
    for (size_t used = 0; good && used < step->record.len;) {
        ssize_t put = write(file, step->record.data + used, step->record.len - used);
        good = put > 0;
        used += good ? (size_t)put : 0;
    }
    if (good && step->expires_at_ms != 0) {
        struct timespec end = {.tv_sec = (time_t)(step->expires_at_ms / 1000)};
        good = futimens(file, (struct timespec[]){end, end}) == 0;
    }
    good = good && fsync(file) == 0;
    good = close(file) == 0 && good;
    return good && renameat(files->folder, ".draft", files->folder, name) == 0 && fsync(files->folder) == 0;
}

/* Removes the records of sign-ins that nobody finished. */
static void sweep(const struct file_store *files)
{
    int copy = openat(files->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    if (folder == NULL) {
        if (copy >= 0)
            close(copy);
        return;
    }
    struct stat status;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strncmp(entry->d_name, "flow-", 5) == 0 && fstatat(files->folder, entry->d_name, &status, 0) == 0 &&
            (uint64_t)status.st_mtime * 1000 + ABANDONED_MS < now_ms())
            unlinkat(files->folder, entry->d_name, 0);
    }
    closedir(folder);
}

static int32_t save(struct store *store, const mcp_oauth_step *step)
{
    const struct file_store *files = (const struct file_store *)store;
    char name[MAX_NAME];
    int held = lock(files);
    if (held < 0)
        return MCP_OAUTH_STORE_RESULT_FAILED;
    int32_t result = file_name(step->key, name) ? compare(store, step) : MCP_OAUTH_STORE_RESULT_FAILED;
    if (result == MCP_OAUTH_STORE_RESULT_DONE && !replace(files, name, step))
        result = MCP_OAUTH_STORE_RESULT_FAILED;
    if (step->slot == MCP_OAUTH_SLOT_FLOW)
        sweep(files);
    close(held);
    return result;
}

static int32_t take_away(struct store *store, const mcp_oauth_step *step)
{
    const struct file_store *files = (const struct file_store *)store;
    char name[MAX_NAME];
    int held = lock(files);
    if (held < 0)
        return MCP_OAUTH_STORE_RESULT_FAILED;
    int32_t result = file_name(step->key, name) ? compare(store, step) : MCP_OAUTH_STORE_RESULT_FAILED;
    if (result == MCP_OAUTH_STORE_RESULT_DONE && (unlinkat(files->folder, name, 0) != 0 || fsync(files->folder) != 0))
        result = MCP_OAUTH_STORE_RESULT_FAILED;
    close(held);
    return result;
}

static void close_store(struct store *store)
{
    struct file_store *files = (struct file_store *)store;
    close(files->folder);
    free(files);
}

struct store *file_store_open(const char *path)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return NULL;
    struct file_store *files = malloc(sizeof *files);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Closed to others if it was open to them. */
    if (files == NULL || folder < 0 || fchmod(folder, 0700) != 0) {
        if (folder >= 0)
            close(folder);
        free(files);
        return NULL;
    }
    *files = (struct file_store){{load, save, take_away, close_store}, folder};
    return &files->store;
}
