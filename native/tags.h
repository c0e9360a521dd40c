/* The tags of lines, all up to their `[` or `:`, and what they are known to be. */
#ifndef PVEFORENSICS_TAGS_H
#define PVEFORENSICS_TAGS_H

#include "text.h"

enum { TAG_WORDS = 4, MOST_DIGITS = 7 };

/* Tags that are known, in a table of slots: `slots` by the upper 16 bits of the hash, of each tag its words, and whether a pid follows
 * and whether it is one that needs no reader of lines. Tag 0 stands for none. `stride` is the length of a row of `words`. */
struct tags {
    const int16_t *slots;
    const uint64_t *factors;
    const uint64_t *words;
    int64_t stride;
    const uint8_t *with_pid;
    const uint8_t *good;
};

/* The high bit of each byte that is zero; exact up to and with the first one, which is all that is asked. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - 0x0101010101010101u) & ~word & 0x8080808080808080u;
}

/* The bytes from `place` to the first `[` or `:`, that one included, in `parts`. Gives how many stand before it, 32 if there is none. */
static inline int64_t tag_at(const uint8_t *data, int64_t size, int64_t place, uint64_t *parts)
{
    for (int64_t step = 0; step < TAG_WORDS; step++)
        parts[step] = 0;
    for (int64_t step = 0; step < TAG_WORDS; step++) {
        const uint64_t word = word_at(data, size, place + 8 * step);
        const uint64_t endings = zero_bytes(word ^ 0x5B5B5B5B5B5B5B5Bu) | zero_bytes(word ^ 0x3A3A3A3A3A3A3A3Au);
        const uint64_t first = endings & -endings;
        parts[step] = word & ((first << 1) - 1);
        if (first != 0)
            return 8 * step + __builtin_ctzll(first) / 8;
    }
    return 8 * TAG_WORDS;
}

static inline int64_t known_tag(const struct tags *tags, const uint64_t *parts)
{
    uint64_t mixed = 0;
    for (int64_t step = 0; step < TAG_WORDS; step++)
        mixed ^= parts[step] * tags->factors[step];
    const int64_t tag = tags->slots[mixed >> 48];
    if (tag < 0 || tag >= tags->stride)
        return 0;
    for (int64_t step = 0; step < TAG_WORDS; step++)
        if (tags->words[step * tags->stride + tag] != parts[step])
            return 0;
    return tag;
}

/* How many of the first eight bytes are digits. */
static inline int64_t digits_at(const uint8_t *data, int64_t size, int64_t place)
{
    const uint64_t value = word_at(data, size, place) ^ 0x3030303030303030u;
    const uint64_t odd = (value | (value + 0x0606060606060606u)) & 0xF0F0F0F0F0F0F0F0u;
    return odd != 0 ? __builtin_ctzll(odd) / 8 : 8;
}

/* Of a line whose tag begins at `place` the tag and where the message begins. Gives whether the head is whole and known. */
static inline int read_tag(const uint8_t *data, int64_t size, int64_t place, const struct tags *tags, int64_t *found, int64_t *message)
{
    uint64_t parts[TAG_WORDS];
    const int64_t closing = place + tag_at(data, size, place, parts), tag = known_tag(tags, parts);
    const int64_t pid = tags->with_pid[tag] != 0, digits = pid ? digits_at(data, size, closing + 1) : -1;
    const uint64_t tail = word_at(data, size, closing + 1 + digits);
    const int whole = tags->good[tag] != 0 && (!pid || (digits >= 1 && digits <= MOST_DIGITS));
    *found = tag;
    *message = closing + 3 + digits + pid;
    return whole & (pid ? (tail & 0xFFFFFF) == (']' | ':' << 8 | ' ' << 16) : (tail & 0xFFFF) == (':' | ' ' << 8));
}

#endif
