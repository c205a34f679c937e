/*
 * What a collector cannot cost less than: at each turn it reads files that stay open, asks for the room
 * of the root's file system and writes one buffer. It looks at nothing of what it has read.
 *
 * usage: floor seconds phase bytes file... >where it writes
 * `seconds` between two turns, which are at `phase` milliseconds after their multiples on the monotonic
 * clock; `bytes` to write at each.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 256, OUTPUT_MAX = 1 << 18, INPUT = 1 << 16 };

/* The kernel ends a read of records where the next one does not fit into its page. */
enum { SHORT = 2048 };

static char output[OUTPUT_MAX], input[INPUT];

static void read_all(int file)
{
    off_t offset = 0;
    ssize_t length;

    while ((length = pread(file, input, sizeof input, offset)) >= SHORT)
        offset += length;
}

int main(int count, char **args)
{
    int files[FILES_MAX], opened = 0;
    struct timespec next;
    struct statvfs room;
    long period, phase;
    size_t bytes;

    if (count < 5 || count - 4 > FILES_MAX)
        return 2;
    period = atol(args[1]);
    phase = atol(args[2]);
    bytes = strtoul(args[3], NULL, 10);
    if (period <= 0 || phase < 0 || phase >= period * 1000 || bytes > OUTPUT_MAX)
        return 2;
    for (int i = 4; i < count; i++)
        if ((files[opened++] = open(args[i], O_RDONLY | O_NONBLOCK)) < 0)
            return 1;

    memset(output, '.', bytes);
    clock_gettime(CLOCK_MONOTONIC, &next);
    next.tv_sec = next.tv_sec / period * period + phase / 1000;
    next.tv_nsec = phase % 1000 * 1000000;
    for (;;) {
        next.tv_sec += period;
        if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) != 0)
            return 1;
        for (int i = 0; i < opened; i++)
            read_all(files[i]);
        if (statvfs("/", &room) != 0 || write(STDOUT_FILENO, output, bytes) < 0)
            return 1;
    }
}
