/* The fast scan's loops over lines by the million. In pveforensics/events/scan compiled.py and survey.py call them; the twins are in
 * words.py, columns.py and heads.py.
 */
#include "tags.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Raised with every change of a function's arguments or meaning: compiled.py refuses a library of another one. */
EXPORT int64_t pveforensics_lines_version(void) { return 13; }

enum { LONGEST_NAME_WORDS = 8 };

#ifdef __SSE2__
static inline uint64_t newlines_of_16(const uint8_t *at)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')));
}

/* A bit for each of 64 bytes: whether it is a newline. */
static inline uint64_t newlines_of_64(const uint8_t *at)
{
    return newlines_of_16(at) | newlines_of_16(at + 16) << 16 | newlines_of_16(at + 32) << 32 | newlines_of_16(at + 48) << 48;
}
#endif

/* Offsets of the newlines from `at` to before `end`. Gives how many there are; no more than `room` are written. */
static int64_t newlines_between(const uint8_t *data, int64_t at, int64_t end, int64_t *found, int64_t room)
{
    int64_t count = 0;
#ifdef __SSE2__ /* lines are so short that a call for each of them costs more than to look at every byte */
    for (; at + 64 <= end && count + 64 <= room; at += 64) {
        fetch(data, at + 4096); /* some machines do not see by themselves what comes next */
        uint64_t left = newlines_of_64(data + at);
        for (int unrolled = 0; unrolled < 2; unrolled++) { /* written for nothing where there is none: cheaper than to guess wrongly */
            found[count] = at + __builtin_ctzll(left | (uint64_t)1 << 63);
            count += left != 0;
            left &= left - 1;
        }
        for (; left != 0; left &= left - 1)
            found[count++] = at + __builtin_ctzll(left);
    }
#endif
    for (; at < end; at++) {
        const uint8_t *next = memchr(data + at, '\n', (size_t)(end - at));
        if (next == NULL)
            break;
        at = next - data;
        if (count < room)
            found[count] = at;
        count++;
    }
    return count;
}

/* Offsets of the newlines. Gives how many there are; no more than `room` are written. */
EXPORT int64_t pveforensics_newlines(const uint8_t *data, int64_t size, int64_t *found, int64_t room)
{
    return newlines_between(data, 0, size, found, room);
}

/* The words at these places. */
EXPORT void pveforensics_words(const uint8_t *data, int64_t size, const int64_t *places, int64_t count, uint64_t *words)
{
    for (int64_t i = 0; i < count; i++)
        words[i] = word_at(data, size, places[i]);
}

/* Where the columns of a layout stand, as layout.py has them, and the zone that all lines must show. */
struct columns {
    int64_t date;     /* bytes of the date; the clock follows */
    int64_t fraction; /* 1 if six decimals follow the clock */
    int64_t zone_at;
    int64_t zone_size;
    int64_t head; /* where the blank before the host stands */
    int64_t longest;
    int64_t back; /* what the clock may go back or on between two lines that follow each other plainly, in microseconds */
    int64_t hole;
    uint64_t zone;
};

/* Names in the host column with their blanks: of each how many bytes, its words and their masks. */
struct hosts {
    int64_t count;
    const int64_t *widths;
    const uint64_t *words;
    const uint64_t *masks;
};

static inline int pair(const uint8_t *at, unsigned most, unsigned *value)
{
    unsigned tens = (unsigned)at[0] - '0', ones = (unsigned)at[1] - '0';
    if (tens > 9 || ones > 9)
        return 0;
    *value = tens * 10 + ones;
    return *value <= most;
}

/* Microseconds of the day of `HH:MM:SS` and perhaps `.123456`; -1 if it is none. A leap second is none. */
static inline int64_t clock_at(const uint8_t *data, int64_t size, int64_t place, int64_t fraction)
{
    const uint64_t value = word_at(data, size, place) ^ 0x30303A30303A3030u;
    if (((value | (value + 0x060A00060A00060Du)) & 0xF0F0FFF0F0FFF0F0u) != 0) /* six digits, those of minutes and seconds below 60 */
        return -1;
    const uint64_t pairs = value * 10 + (value >> 8);
    const int64_t hour = pairs & 0xFF, minute = pairs >> 24 & 0xFF, second = pairs >> 48 & 0xFF;
    if (hour > 23)
        return -1;
    const int64_t moment = (hour * 3600 + minute * 60 + second) * 1000000;
    if (!fraction)
        return moment;
    unsigned first, middle, last;
    const uint8_t *at = data + place + 8;
    if (at[0] != '.' || !pair(at + 1, 99, &first) || !pair(at + 3, 99, &middle) || !pair(at + 5, 99, &last))
        return -1;
    return moment + (int64_t)first * 10000 + (int64_t)middle * 100 + (int64_t)last;
}

static inline int shows(const uint8_t *data, int64_t size, int64_t place, const struct hosts *hosts, int64_t host)
{
    const uint64_t *words = hosts->words + host * LONGEST_NAME_WORDS, *masks = hosts->masks + host * LONGEST_NAME_WORDS;
    for (int64_t step = 0; step * 8 < hosts->widths[host]; step++)
        if ((word_at(data, size, place + 8 * step) & masks[step]) != words[step])
            return 0;
    return 1;
}

/* What the heads of lines say: whether date, clock, zone and length fit, the moment of the day, the host (-1: unknown), the fitting
 * lines at which the date differs from the fitting line before, and those that may not follow plainly on the line before, which are
 * all with another date, all behind a line that does not fit, and those whose clock stepped. */
struct heads {
    uint8_t *ok;
    int64_t *clock;
    int64_t *host;
    int64_t *edges;
    int64_t *cuts;
    int64_t changes; /* how many edges there are */
    int64_t breaks;  /* how many cuts */
    int64_t seen;    /* a bit for each host that was found */
    int64_t before;  /* the latest line that fits, counted from 1 */
    int64_t unknown; /* of how many fitting lines the host is unknown */
    int64_t latest;  /* the host of the line before */
    uint64_t first;  /* the date of the fitting line before: its first eight bytes, and its last if it has more; it has at most 16 */
    uint64_t second;
};

static inline uint64_t low_bytes(int64_t count)
{
    return count >= 8 ? ~(uint64_t)0 : ((uint64_t)1 << (8 * count)) - 1;
}

static void read_heads(const uint8_t *data, int64_t size, const int64_t *starts, const int64_t *ends, int64_t line, int64_t behind,
                       const struct columns *columns, const struct hosts *hosts, struct heads *heads)
{
    const uint64_t zone_mask = low_bytes(columns->zone_size), date_mask = low_bytes(columns->date);
    for (; line < behind; line++) {
        const int64_t start = starts[line], end = ends[line];
        heads->ok[line] = 0;
        heads->clock[line] = 0;
        heads->host[line] = -1;
        if (start < 0 || end > size || end - start > columns->longest || end - start < columns->head)
            continue;
        const int64_t moment = clock_at(data, size, start + columns->date, columns->fraction);
        if (moment < 0 || (word_at(data, size, start + columns->zone_at) & zone_mask) != columns->zone)
            continue;
        heads->ok[line] = 1;
        heads->clock[line] = moment;
        const uint64_t first = word_at(data, size, start) & date_mask;
        const uint64_t second = columns->date > 8 ? word_at(data, size, start + columns->date - 8) : 0;
        const int64_t step = heads->before == line && line > 0 ? moment - heads->clock[line - 1] : INT64_MAX;
        if (heads->changes == 0 || first != heads->first || second != heads->second) {
            heads->edges[heads->changes++] = line;
            heads->cuts[heads->breaks++] = line;
        } else if (step < -columns->back || step > columns->hole) {
            heads->cuts[heads->breaks++] = line;
        }
        heads->before = line + 1;
        heads->first = first;
        heads->second = second;
        for (int64_t tried = 0; tried < hosts->count; tried++) {
            /* the latest name first: lines of one host follow each other */
            const int64_t number = tried == 0 ? heads->latest : tried - (tried <= heads->latest);
            if (shows(data, size, start + columns->head, hosts, number)) {
                heads->host[line] = heads->latest = number;
                heads->seen |= (int64_t)1 << (number & 63);
                break;
            }
        }
        heads->unknown += heads->host[line] < 0;
    }
}

/* The heads of these lines. */
EXPORT void pveforensics_heads(const uint8_t *data, int64_t size, const int64_t *starts, const int64_t *ends, int64_t count,
                               const struct columns *columns, const struct hosts *hosts, struct heads *heads)
{
    read_heads(data, size, starts, ends, 0, count, columns, hosts, heads);
}

enum { AT_ONCE = 1 << 15 }; /* bytes that stay in the nearest cache until they were looked at twice */

/* Lines as they are found: where they begin and end, of which `read` have been looked at. */
struct found_lines {
    int64_t *starts;
    int64_t *ends;
    int64_t room;
    int64_t count;
    int64_t read;
};

/* Looks at the text from `at` to before `end` for lines that end there. Gives 0 where there is no room for them. */
static int look_at(const uint8_t *data, int64_t size, int64_t at, int64_t end, struct found_lines *lines, const struct columns *columns,
                   const struct hosts *hosts, struct heads *heads)
{
    const int64_t left = lines->room - lines->count - 1, found = newlines_between(data, at, end, lines->ends + lines->count, left);
    if (found > left)
        return 0;
    lines->count += found;
    for (int64_t line = lines->read; line < lines->count; line++)
        lines->starts[line] = line > 0 ? lines->ends[line - 1] + 1 : 0;
    read_heads(data, size, lines->starts, lines->ends, lines->read, lines->count, columns, hosts, heads);
    lines->read = lines->count;
    return 1;
}

/* The last line, which ends without a newline. Gives how many lines there are. */
static int64_t look_at_last(const uint8_t *data, int64_t size, struct found_lines *lines, const struct columns *columns,
                            const struct hosts *hosts, struct heads *heads)
{
    lines->starts[lines->count] = lines->count > 0 ? lines->ends[lines->count - 1] + 1 : 0;
    lines->ends[lines->count] = size;
    read_heads(data, size, lines->starts, lines->ends, lines->count, lines->count + 1, columns, hosts, heads);
    return lines->count + 1;
}

/* All lines of a text, the last one without a newline, and their heads. Gives how many lines there are; where they are more than `room`
 * nothing else holds, and every array has room for that many. */
EXPORT int64_t pveforensics_survey(const uint8_t *data, int64_t size, int64_t *starts, int64_t *ends, int64_t room,
                                   const struct columns *columns, const struct hosts *hosts, struct heads *heads)
{
    struct found_lines lines = {starts, ends, room, 0, 0};
    if (room < 1)
        return size + 1; /* as many as there may be at most */
    for (int64_t at = 0; at < size; at += AT_ONCE)
        if (!look_at(data, size, at, at + AT_ONCE < size ? at + AT_ONCE : size, &lines, columns, hosts, heads))
            return size + 1;
    return look_at_last(data, size, &lines, columns, hosts, heads);
}

/* The same of a text that comes in parts, which are copied to `data` one behind the other, `size` bytes in all. Gives -1 where they hold a
 * NUL or have another size. */
EXPORT int64_t pveforensics_survey_of_parts(const uint8_t *const *parts, const int64_t *sizes, int64_t count, uint8_t *data, int64_t size,
                                            int64_t *starts, int64_t *ends, int64_t room, const struct columns *columns,
                                            const struct hosts *hosts, struct heads *heads)
{
    struct found_lines lines = {starts, ends, room, 0, 0};
    int64_t at = 0;
    int fits = room >= 1;
    for (int64_t part = 0; part < count; part++)
        for (int64_t place = 0; place < sizes[part]; place += AT_ONCE) {
            const int64_t left = sizes[part] - place, length = left < AT_ONCE ? left : AT_ONCE;
            if (length > size - at)
                return -1;
            memcpy(data + at, parts[part] + place, (size_t)length);
            if (memchr(data + at, 0, (size_t)length) != NULL)
                return -1;
            fits = fits && look_at(data, at + length, at, at + length, &lines, columns, hosts, heads);
            at += length;
        }
    if (at != size)
        return -1;
    return fits ? look_at_last(data, size, &lines, columns, hosts, heads) : size + 1;
}

/* Of lines whose tags begin at `places`: the tag, where the message begins, and whether the head is whole and known. */
EXPORT void pveforensics_tags(const uint8_t *data, int64_t size, const int64_t *places, int64_t count, const struct tags *tags,
                              int64_t *found, int64_t *messages, uint8_t *good)
{
    for (int64_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            fetch(data, places[i + AHEAD]);
        good[i] = (uint8_t)read_tag(data, size, places[i], tags, found + i, messages + i);
    }
}

/* Which of these stretches hold the three bytes. */
EXPORT void pveforensics_holding(const uint8_t *data, int64_t size, const int64_t *begins, const int64_t *ends, int64_t count,
                                 const uint8_t *three, uint8_t *holding)
{
    for (int64_t i = 0; i < count; i++)
        holding[i] = (uint8_t)holds(data, size, begins[i], ends[i], three);
}
