/* The fast scan's loops over hits of the search, which become groups of candidates. In pveforensics/events/scan compiled.py calls
 * them; the twins are in grouping.py and nesting.py.
 */
#include "text.h"

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
