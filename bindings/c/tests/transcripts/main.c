/* Replays every transcript below a folder: replay FOLDER. With TRANSCRIPT set, those that have it in their name. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transcript.h"

static size_t replayed, failed;
static const char *only;

static int visit(const char *path, const struct stat *status, int type, struct FTW *position)
{
    (void)status;
    (void)position;
    size_t length = strlen(path);
    if (type != FTW_F || length < 5 || strcmp(path + length - 5, ".json") != 0)
        return 0;
    if (only != NULL && strstr(path, only) == NULL)
        return 0;
    static struct replay replay;
    replayed++;
    if (!replay_file(path, &replay)) {
        failed++;
        fprintf(stderr, "%s: step %zu: %s\n\n", path, replay.step, replay.problem);
    }
    return 0;
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fputs("usage: replay FOLDER\n", stderr);
        return 2;
    }
    only = getenv("TRANSCRIPT");
    if (nftw(arguments[1], visit, 16, FTW_PHYS) != 0 || replayed == 0) {
        fputs("no transcripts found\n", stderr);
        return 1;
    }
    printf("%zu transcripts replayed, %zu failed\n", replayed, failed);
    return failed == 0 ? 0 : 1;
}
