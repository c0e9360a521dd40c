/* The inner loops of the fast scan, for lines by the million: pveforensics/events/scan/compiled.py calls them.
 *
 * Each function has a twin in numpy that gives the same, in words.py, columns.py, heads.py, candidates.py and timeline/; it serves where
 * this file was not compiled. Nothing here allocates, keeps anything, or reads or writes outside the arrays that it is handed: every place
 * is checked against `size` before it is read, since texts are hostile and callers may err.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define EXPORT __attribute__((visibility("default")))

/* Raised with every change of a function's arguments or meaning: compiled.py refuses a library of another one. */
EXPORT int64_t pveforensics_lines_version(void) { return 10; }

enum { LONGEST_NAME_WORDS = 8, TAG_WORDS = 4, MOST_DIGITS = 7 };
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

static inline void fetch(const uint8_t *data, int64_t place)
{
    __builtin_prefetch((const void *)((uintptr_t)data + (uintptr_t)place));
}

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

/* All lines of a text, the last one without a newline, and their heads. Gives how many lines there are; where they are more than `room`
 * nothing else holds, and every array has room for that many. */
EXPORT int64_t pveforensics_survey(const uint8_t *data, int64_t size, int64_t *starts, int64_t *ends, int64_t room,
                                   const struct columns *columns, const struct hosts *hosts, struct heads *heads)
{
    int64_t count = 0, read = 0;
    for (int64_t at = 0; at < size; at += AT_ONCE) {
        const int64_t found = newlines_between(data, at, at + AT_ONCE < size ? at + AT_ONCE : size, ends + count, room - count - 1);
        if (found > room - count - 1)
            return size + 1; /* as many as there may be at most */
        count += found;
        for (int64_t line = read; line < count; line++)
            starts[line] = line > 0 ? ends[line - 1] + 1 : 0;
        read_heads(data, size, starts, ends, read, count, columns, hosts, heads);
        read = count;
    }
    if (room < 1)
        return size + 1;
    starts[count] = count > 0 ? ends[count - 1] + 1 : 0;
    ends[count] = size;
    read_heads(data, size, starts, ends, count, count + 1, columns, hosts, heads);
    return count + 1;
}

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

static int64_t known_tag(const struct tags *tags, const uint64_t *parts)
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

/* Of lines whose tags begin at `places`: the tag, where the message begins, and whether the head is whole and known. */
EXPORT void pveforensics_tags(const uint8_t *data, int64_t size, const int64_t *places, int64_t count, const struct tags *tags,
                              int64_t *found, int64_t *messages, uint8_t *good)
{
    for (int64_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            fetch(data, places[i + AHEAD]);
        uint64_t parts[TAG_WORDS];
        const int64_t closing = places[i] + tag_at(data, size, places[i], parts), tag = known_tag(tags, parts);
        const int64_t pid = tags->with_pid[tag] != 0, digits = pid ? digits_at(data, size, closing + 1) : -1;
        int64_t whole = tags->good[tag] != 0 && (!pid || (digits >= 1 && digits <= MOST_DIGITS));
        const uint64_t tail = word_at(data, size, closing + 1 + digits);
        whole &= pid ? (tail & 0xFFFFFF) == (']' | ':' << 8 | ' ' << 16) : (tail & 0xFFFF) == (':' | ' ' << 8);
        found[i] = tag;
        messages[i] = closing + 3 + digits + pid;
        good[i] = (uint8_t)whole;
    }
}

/* A hit and a code are one number: a literal below, and above it the offset behind the hit, or the line in which it stands. */
enum { CODE_BITS = 20 };
#define LITERAL(code) ((code) & (((int64_t)1 << CODE_BITS) - 1))

/* Of hits in any order the codes of the lines in which they stand, in order, each once; of literals from `marked` on only the lines, each
 * as often as it is hit. `codes` and `repeated` have room for all hits. Gives how many codes there are. */
EXPORT int64_t pveforensics_located(const int64_t *ends, int64_t lines, const int64_t *hits, int64_t count, int64_t marked, int64_t *codes,
                                    int64_t *repeated, int64_t *repeats)
{
    int64_t line = 0, kept = 0;
    *repeats = 0;
    for (int64_t i = 0; i < count && lines > 0; i++) {
        const int64_t offset = hits[i] >> CODE_BITS, literal = LITERAL(hits[i]);
        while (line > 0 && ends[line - 1] >= offset) /* engines give hits nearly in order */
            line--;
        while (line < lines - 1 && ends[line] < offset)
            line++;
        if (literal >= marked) {
            repeated[(*repeats)++] = line;
            continue;
        }
        const int64_t code = line << CODE_BITS | literal;
        int64_t at = kept;
        while (at > 0 && codes[at - 1] > code)
            at--;
        if (at > 0 && codes[at - 1] == code)
            continue;
        memmove(codes + at + 1, codes + at, (size_t)(kept - at) * sizeof *codes);
        codes[at] = code;
        kept++;
    }
    return kept;
}

/* Literals that hold an inner one: of literal `i` those from `first[i]` to before `first[i + 1]`. Each has its number, where in it the
 * inner one ends, and where it begins in `texts`; it ends where the next one begins. */
struct nested {
    int64_t literals;
    const int64_t *first;
    const int64_t *numbers;
    const int64_t *before;
    const int64_t *begins;
    const uint8_t *texts;
};

/* The hits, behind each those of the outer literals around it. Gives how many; `found` has room for every hit and all its outer literals. */
EXPORT int64_t pveforensics_nested(const uint8_t *data, int64_t size, const int64_t *hits, int64_t count, const struct nested *nested,
                                   int64_t *found)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t literal = LITERAL(hits[i]), end = hits[i] >> CODE_BITS;
        found[kept++] = hits[i];
        if (literal >= nested->literals)
            continue;
        for (int64_t outer = nested->first[literal]; outer < nested->first[literal + 1]; outer++) {
            const int64_t begin = end - nested->before[outer], length = nested->begins[outer + 1] - nested->begins[outer];
            if (begin < 0 || begin > size - length || memcmp(data + begin, nested->texts + nested->begins[outer], (size_t)length) != 0)
                continue;
            found[kept++] = (begin + length) << CODE_BITS | nested->numbers[outer];
        }
    }
    return kept;
}

/* What literals mean on lines of which tag, in tables of as many rows as there are tags. */
struct meanings {
    int64_t tags;
    int64_t literals;        /* columns of `fitting`: literals from there on mean nothing here */
    const uint8_t *fitting;  /* whether a literal can mean anything */
    int64_t columns;         /* of `everyday` */
    const int64_t *column;   /* of each literal */
    const int64_t *everyday; /* the signature of everyday lines that is the only one to be tried, -1 for none */
    int64_t signatures;
    const uint64_t *endings; /* of each signature's lines the last eight bytes, and their mask */
    const uint64_t *masks;
    const uint8_t *corosync; /* of each tag: whether only messages that begin with a bracket are everyday */
};

/* What the columns of a page say of each line. */
struct heads_of_lines {
    int64_t count;
    const int64_t *ends;
    const int64_t *messages;
    const int64_t *tags;
    const uint8_t *fed;
};

/* Groups: candidates of one line each, with the first of their literals among all, how many these are, and the everyday signature, or -1. */
struct groups {
    int64_t *places;
    int64_t *begins;
    int64_t *sizes;
    int64_t *numbers;
    int64_t *literals;
    int64_t *fed; /* codes of lines that are fed */
    int64_t fed_count;
};

static int64_t everyday_signature(const uint8_t *data, int64_t size, const struct heads_of_lines *lines, const struct meanings *meanings,
                                  int64_t place, int64_t literal)
{
    const int64_t tag = lines->tags[place], column = meanings->column[literal];
    if (column < 0 || column >= meanings->columns)
        return -1;
    const int64_t number = meanings->everyday[tag * meanings->columns + column];
    if (number < 0 || number >= meanings->signatures)
        return -1;
    const uint64_t last = word_at(data, size, lines->ends[place] - 8);
    if ((last & meanings->masks[number]) != meanings->endings[number] || last >> 56 == '\r')
        return -1;
    if (meanings->corosync[tag]) {
        const uint64_t begin = word_at(data, size, lines->messages[place]);
        if ((begin & 0xFFFFFF) != (' ' | ' ' << 8 | '[' << 16) && (begin & 0xFF) != '[')
            return -1;
    }
    return number;
}

/* Of the codes of a page's lines the groups of those that are not fed and can mean anything. Gives how many groups there are; every
 * array of `groups` has room for all codes. */
EXPORT int64_t pveforensics_grouped(const uint8_t *data, int64_t size, const int64_t *codes, int64_t count,
                                    const struct heads_of_lines *lines, const struct meanings *meanings, struct groups *groups)
{
    int64_t found = 0, literals = 0;
    groups->fed_count = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t place = codes[i] >> CODE_BITS, literal = LITERAL(codes[i]);
        if (place < 0 || place >= lines->count)
            continue;
        if (lines->fed[place]) {
            groups->fed[groups->fed_count++] = codes[i];
            continue;
        }
        const int64_t tag = lines->tags[place];
        if (literal >= meanings->literals || tag < 0 || tag >= meanings->tags || !meanings->fitting[tag * meanings->literals + literal])
            continue;
        if (found == 0 || groups->places[found - 1] != place) {
            groups->places[found] = place;
            groups->begins[found] = literals;
            groups->sizes[found++] = 0;
        }
        groups->sizes[found - 1]++;
        groups->literals[literals++] = literal;
    }
    for (int64_t group = 0; group < found; group++) {
        if (group + AHEAD < found) {
            fetch(data, lines->ends[groups->places[group + AHEAD]] - 8);
            fetch(data, lines->messages[groups->places[group + AHEAD]]);
        }
        groups->numbers[group] =
            groups->sizes[group] == 1
                ? everyday_signature(data, size, lines, meanings, groups->places[group], groups->literals[groups->begins[group]])
                : -1;
    }
    return found;
}

/* Which of these stretches hold the three bytes. */
EXPORT void pveforensics_holding(const uint8_t *data, int64_t size, const int64_t *begins, const int64_t *ends, int64_t count,
                                 const uint8_t *three, uint8_t *holding)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t end = ends[i] < size ? ends[i] : size;
        holding[i] = 0;
        for (int64_t at = begins[i] < 0 ? 0 : begins[i]; at + 3 <= end; at++) {
            const uint8_t *next = memchr(data + at, three[0], (size_t)(end - 2 - at));
            if (next == NULL)
                break;
            at = next - data;
            if (next[1] == three[1] && next[2] == three[2]) {
                holding[i] = 1;
                break;
            }
        }
    }
}

/* These stretches one behind the other in `joined`, which has `room` bytes. Gives their length; what would not fit is not written. */
EXPORT int64_t pveforensics_joined(const uint8_t *data, int64_t size, const int64_t *begins, const int64_t *ends, int64_t count,
                                   uint8_t *joined, int64_t room)
{
    int64_t length = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t begin = begins[i], end = ends[i];
        if (begin < 0 || end > size || end < begin || end - begin > room - length)
            return -1;
        memcpy(joined + length, data + begin, (size_t)(end - begin));
        length += end - begin;
    }
    return length;
}

/* The number of the process that stands before `]: ` in front of a message, of at most eight digits; 0 for none. What has no eight bytes
 * before it is no head. */
static inline int64_t pid_before(const uint8_t *data, int64_t size, int64_t message)
{
    const int64_t closing = message - 3;
    if (closing < 8 || closing >= size || data[closing] != ']')
        return 0;
    uint64_t value = word_at(data, size, closing - 8) ^ 0x3030303030303030u;
    const uint64_t odd = (value | (value + 0x0606060606060606u)) & 0xF0F0F0F0F0F0F0F0u;
    if (odd >> 60 != 0)
        return 0;
    if (odd != 0) /* only the digits behind the last other byte count */
        value &= ~(uint64_t)0 << (64 - __builtin_clzll(odd) / 8 * 8);
    value = (value * 10 + (value >> 8)) & 0x00FF00FF00FF00FFu;
    value = (value * 100 + (value >> 16)) & 0x0000FFFF0000FFFFu;
    return (int64_t)((value * 10000 + (value >> 32)) & 0xFFFFFFFFu);
}

/* --- lines of the timeline ----------------------------------------------------------------------- */

/* What is known of the lines of a page (columns.py's rows), and what the numbers of hosts and tags stand for: programs below 0 are none. */
struct page_lines {
    int64_t count;
    const int64_t *starts;
    const int64_t *ends;
    const uint8_t *ok;
    const int64_t *at;
    const int64_t *host;
    const int64_t *tag;
    const int64_t *message;
    const uint16_t *hosts;
    int64_t known_hosts;
    const int32_t *programs;
    int64_t known_programs;
    int64_t form;
};

/* The same lines in the columns in which they wait to be put in order. */
struct waiting_lines {
    int64_t *at;
    uint32_t *begin;
    uint32_t *end;
    uint32_t *pid;
    uint16_t *form;
    uint16_t *host;
    uint16_t *program;
};

/* Fills in the columns; gives how many lines fit none and must be read one by one, and which in `odd`. They have their begin and end alone;
 * carriage returns belong to no line. */
EXPORT int64_t pveforensics_entries(const uint8_t *data, int64_t size, const struct page_lines *lines, const struct waiting_lines *waiting,
                                    int64_t *odd)
{
    int64_t count = 0;
    for (int64_t line = 0; line < lines->count; line++) {
        const int64_t start = lines->starts[line], host = lines->host[line], tag = lines->tag[line], message = lines->message[line];
        int64_t end = lines->ends[line];
        const int inside = start >= 0 && start <= end && end <= size;
        const int known = host >= 0 && host < lines->known_hosts && tag >= 0 && tag < lines->known_programs;
        const int fits = inside && lines->ok[line] && known && message >= start && message <= end && lines->programs[tag] >= 0;
        const int64_t begin = fits ? message : inside ? start : 0;
        for (end = inside ? end : 0; end > begin && data[end - 1] == '\r';)
            end--;
        waiting->begin[line] = (uint32_t)begin;
        waiting->end[line] = (uint32_t)end;
        waiting->at[line] = fits ? lines->at[line] : 0;
        waiting->pid[line] = fits ? (uint32_t)pid_before(data, size, message) : 0;
        waiting->form[line] = fits ? (uint16_t)lines->form : 0;
        waiting->host[line] = fits ? lines->hosts[host] : 0;
        waiting->program[line] = fits ? (uint16_t)lines->programs[tag] : 0;
        if (!fits)
            odd[count++] = line;
    }
    return count;
}

enum { ONE_STEP = 128 };

/* These stretches one behind the other, as `joined` has them, but written so that short ones take no more than one step; and in `borders`
 * where each of them ends. */
EXPORT int64_t pveforensics_packed(const uint8_t *data, int64_t size, const uint32_t *begins, const uint32_t *ends, int64_t count,
                                   uint8_t *packed, uint32_t *borders, int64_t room)
{
    int64_t length = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t begin = begins[i], end = ends[i], bytes = end - begin;
        if (end > size || bytes < 0 || bytes > room - length)
            return -1;
        if (bytes <= ONE_STEP && ONE_STEP <= size - begin && ONE_STEP <= room - length)
            memcpy(packed + length, data + begin, ONE_STEP); /* what is too much is written over by the next one */
        else
            memcpy(packed + length, data + begin, (size_t)bytes);
        length += bytes;
        borders[i] = (uint32_t)length;
    }
    return length;
}

/* Lines of one block in order of their keys; `turn` tells which are merged: no line comes before one of an earlier turn. */
struct piece {
    int64_t turn;
    int64_t count;
    const int64_t *key;
    const uint32_t *line;
    const uint32_t *begin;
    const uint32_t *end;
    const uint32_t *pid;
    const uint16_t *claim;
    const uint16_t *host;
    const uint16_t *program;
    const int32_t *kind;
    const int32_t *nodes; /* of each host */
    int64_t hosts;
    int64_t path;
    const uint8_t *text;
    int64_t size;
};

/* Rows in columns, and their messages one behind the other: `borders` tells where each begins, and where the last one ends. */
struct rows {
    int64_t *key;
    uint32_t *line;
    uint32_t *pid;
    int32_t *claim;
    int32_t *node;
    int32_t *program;
    int32_t *kind;
    int32_t *path;
    int32_t *borders;
    uint8_t *text;
    int64_t room;
};

/* A piece whose turn it is, and its next line. */
struct head {
    int64_t key;
    int64_t piece;
    int64_t row;
};

static inline int is_before(const struct head *one, const struct head *other)
{
    return one->key < other->key || (one->key == other->key && one->piece < other->piece);
}

/* Puts the head at `at` where it belongs in the heap below. */
static inline void sink_down(struct head *heap, int64_t count, int64_t at)
{
    const struct head moved = heap[at];
    for (int64_t below = 2 * at + 1; below < count; at = below, below = 2 * at + 1) {
        below += below + 1 < count && is_before(&heap[below + 1], &heap[below]);
        if (!is_before(&heap[below], &moved))
            break;
        heap[at] = heap[below];
    }
    heap[at] = moved;
}

/* Writes one row; gives the length of all messages, or -1 where the row leads outside of anything or there is no room. */
static inline int64_t put_row(const struct piece *piece, int64_t from, const struct rows *rows, int64_t to, int64_t length)
{
    const int64_t begin = piece->begin[from], end = piece->end[from], bytes = end - begin, host = piece->host[from];
    if (bytes < 0 || end > piece->size || bytes > rows->room - length || host >= piece->hosts)
        return -1;
    rows->key[to] = piece->key[from];
    rows->line[to] = piece->line[from];
    rows->pid[to] = piece->pid[from];
    rows->claim[to] = piece->claim[from];
    rows->node[to] = piece->nodes[host];
    rows->program[to] = piece->program[from];
    rows->kind[to] = piece->kind[from];
    rows->path[to] = (int32_t)piece->path;
    if (bytes <= ONE_STEP && ONE_STEP <= piece->size - begin && ONE_STEP <= rows->room - length)
        memcpy(rows->text + length, piece->text + begin, ONE_STEP);
    else
        memcpy(rows->text + length, piece->text + begin, (size_t)bytes);
    length += bytes;
    rows->borders[to + 1] = (int32_t)length;
    return length;
}

/* All lines of the pieces in order of turn, key, piece and row; `heap` has room for as many heads as there are pieces. Gives the length of
 * the messages, or -1 as above. */
EXPORT int64_t pveforensics_merged(const struct piece *pieces, int64_t count, struct head *heap, const struct rows *rows)
{
    int64_t length = 0, to = 0;
    if (rows->room > INT32_MAX)
        return -1;
    rows->borders[0] = 0;
    for (int64_t first = 0, last = 0; first < count; first = last) {
        int64_t heads = 0;
        for (; last < count && pieces[last].turn == pieces[first].turn; last++)
            if (pieces[last].count > 0)
                heap[heads++] = (struct head){pieces[last].key[0], last, 0};
        for (int64_t at = heads / 2; at-- > 0;)
            sink_down(heap, heads, at);
        while (heads > 0) {
            const struct piece *piece = &pieces[heap[0].piece];
            length = put_row(piece, heap[0].row, rows, to++, length);
            if (length < 0)
                return -1;
            if (++heap[0].row < piece->count)
                heap[0].key = piece->key[heap[0].row];
            else
                heap[0] = heap[--heads];
            sink_down(heap, heads, 0);
        }
    }
    return length;
}
