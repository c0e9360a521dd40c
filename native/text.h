/* What the loops over lines look at texts with.
 *
 * Each loop has a twin in numpy that gives the same; it serves where nothing was compiled. None allocates, keeps anything, or reads or
 * writes outside the arrays that it is handed: every place is checked against `size` before it is read, since texts are hostile and callers
 * may err.
 */
#ifndef PVEFORENSICS_TEXT_H
#define PVEFORENSICS_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { AHEAD = 8 }; /* lines that are fetched before they are looked at, where most lines of a page are passed over */

/* Eight bytes from `place` on as a little-endian number; what lies outside of the text counts as NUL. */
static inline uint64_t word_at(const uint8_t *data, int64_t size, int64_t place)
{
    uint64_t word = 0;
    if (place < 0 || place >= size)
        return 0;
    if (place <= size - 8)
        memcpy(&word, data + place, 8);
    else
        memcpy(&word, data + place, (size_t)(size - place));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline void fetch(const uint8_t *data, int64_t place)
{
    __builtin_prefetch((const void *)((uintptr_t)data + (uintptr_t)place));
}

/* Whether the stretch holds the three bytes. */
static inline int holds(const uint8_t *data, int64_t size, int64_t begin, int64_t end, const uint8_t *three)
{
    if (end > size)
        end = size;
    for (int64_t at = begin < 0 ? 0 : begin; at + 3 <= end; at++) {
        const uint8_t *next = memchr(data + at, three[0], (size_t)(end - 2 - at));
        if (next == NULL)
            return 0;
        at = next - data;
        if (next[1] == three[1] && next[2] == three[2])
            return 1;
    }
    return 0;
}

#endif
