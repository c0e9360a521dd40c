/* The fast scan's loops over hits of the search, which become groups of candidates. In pveforensics/events/scan compiled.py calls
 * them, and anchored.py; the twins are in grouping.py, nesting.py, candidates.py and shelving.py.
 */
#include "tags.h"

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

/* Of each line of a page where it ends, which is where the next one begins but for the newline, whether it fits its columns, its moment and
 * its host; `fed` are the lines that are left to the reader of lines. */
struct page {
    int64_t count;
    const int64_t *ends;
    uint8_t *ok;
    const int64_t *at;
    const int64_t *hosts;
    const uint8_t *fed;
};

/* Lines of a page in which hits stand, in order, their tags and where their messages begin: beside each other, since of many lines few
 * are looked at, and a column with all of them would be fetched from far away. */
struct hit_lines {
    int64_t count;
    int64_t *lines;
    int64_t *tags;
    int64_t *messages;
};

/* Where a line begins, told by the end of the line before, which was looked at already. */
static inline int64_t begin_of(const struct page *page, int64_t line)
{
    return line > 0 ? page->ends[line - 1] + 1 : 0;
}

/* Where tags begin: so far behind the begin of a line as the name of its host is wide, and `head` more. `only` is the host of all lines, or
 * -1. */
struct names {
    int64_t head;
    int64_t only;
    int64_t hosts;
    const int64_t *widths;
};

/* What `pveforensics_anchored` finds; every array has room for all hits. */
struct anchored {
    int64_t *codes; /* as `pveforensics_located` gives them */
    int64_t *repeated;
    int64_t *seconds; /* places among the lines: those with a whole and known head in whose message another head may stand */
    uint8_t *whole;   /* of each line whether its head is whole and known */
    int64_t code_count;
    int64_t repeats;
    int64_t second_count;
};

/* The lines in which hits stand, with their tags and messages. Gives of how many fitting ones the tag is unknown; if there is none, `ok` of
 * these lines says from then on whether the head is whole and known. */
EXPORT int64_t pveforensics_anchored(const uint8_t *data, int64_t size, const int64_t *hits, int64_t count, int64_t marked,
                                     const struct page *page, const struct names *names, const struct tags *tags, struct anchored *found,
                                     struct hit_lines *heads)
{
    static const uint8_t behind_pid[3] = {']', ':', ' '};
    int64_t unknown = 0, seconds = 0, lines = 0;
    found->code_count =
        pveforensics_located(page->ends, page->count, hits, count, marked, found->codes, found->repeated, &found->repeats);
    for (int64_t i = 0; i < found->code_count; i++)
        if (lines == 0 || heads->lines[lines - 1] != found->codes[i] >> CODE_BITS)
            heads->lines[lines++] = found->codes[i] >> CODE_BITS;
    for (int64_t i = 0; i < lines; i++) {
        const int64_t line = heads->lines[i];
        if (i + AHEAD < lines) {
            fetch(data, begin_of(page, heads->lines[i + AHEAD]));
            fetch(data, page->ends[heads->lines[i + AHEAD]]);
        }
        int64_t tag = 0, message = 0;
        int whole = 0;
        if (page->ok[line]) {
            const int64_t host = names->only >= 0 ? names->only : page->hosts[line];
            if (host >= 0 && host < names->hosts)
                whole = read_tag(data, size, begin_of(page, line) + names->head + names->widths[host], tags, &tag, &message);
            unknown += tag == 0;
            if (whole && holds(data, size, message, page->ends[line], behind_pid))
                found->seconds[seconds++] = i;
        }
        heads->tags[i] = tag;
        heads->messages[i] = message;
        found->whole[i] = (uint8_t)whole;
    }
    for (int64_t i = 0; i < lines && unknown == 0; i++)
        page->ok[heads->lines[i]] = found->whole[i];
    heads->count = lines;
    found->second_count = seconds;
    return unknown;
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

/* Hits, of each its end and its literal in `pairs`, as codes, behind each those of the outer literals around it. Gives how many; no more than
 * `room` are written. */
EXPORT int64_t pveforensics_nested(const uint8_t *data, int64_t size, const int64_t *pairs, int64_t count, const struct nested *nested,
                                   int64_t *found, int64_t room)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t end = pairs[2 * i], literal = pairs[2 * i + 1];
        if (kept < room)
            found[kept] = end * ((int64_t)1 << CODE_BITS) | literal;
        kept++;
        if (literal < 0 || literal >= nested->literals)
            continue;
        for (int64_t outer = nested->first[literal]; outer < nested->first[literal + 1]; outer++) {
            const int64_t begin = end - nested->before[outer], length = nested->begins[outer + 1] - nested->begins[outer];
            if (begin < 0 || begin > size - length || memcmp(data + begin, nested->texts + nested->begins[outer], (size_t)length) != 0)
                continue;
            if (kept < room)
                found[kept] = (begin + length) << CODE_BITS | nested->numbers[outer];
            kept++;
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
    int64_t hints;           /* literals behind `literals` that state a moment twice */
    int64_t thin;            /* of which one in so many microseconds is enough */
    const uint8_t *storms;   /* of each signature whether it is a storm's */
    int64_t *counts;         /* room for a number for each signature */
};

/* Groups: candidates of one line each, with the first of their literals among all, how many these are, and the everyday signature, or -1. */
struct groups {
    int64_t *places;
    int64_t *begins;
    int64_t *sizes;
    int64_t *numbers;
    int64_t *tags;
    int64_t *messages;
    int64_t *literals;
    int64_t *fed; /* codes of lines that are fed */
    int64_t *hints;
    int64_t *left; /* groups without an everyday signature, by their places among all */
    int64_t *kept; /* the lines of the others, and their signatures */
    int64_t *signatures;
    int64_t literal_count;
    int64_t fed_count;
    int64_t hint_count;
    int64_t left_count;
    int64_t kept_size; /* bytes of the kept lines */
    int64_t crowd; /* how many lines have the everyday signature of a storm that most of them have */
};

enum { MOST_HINTS = 64 };

/* What was seen of one literal of the hints: from when to before when the latest stretch of time lasts, and whether its line is fed. */
struct hinted {
    int64_t from;
    int64_t to;
    int fed;
};

/* Whether this is the first line of a stretch with this literal, as far as the page tells; what is fed may be of any stretch. */
static inline int is_due(struct hinted *hinted, int64_t at, int64_t thin, int fed)
{
    const int same = at >= hinted->from && at < hinted->to, due = !fed && (!same || hinted->fed);
    if (!same) {
        hinted->from = (at / thin - (at % thin < 0)) * thin;
        hinted->to = hinted->from + thin;
    }
    hinted->fed = fed;
    return due;
}

static int64_t everyday_signature(const uint8_t *data, int64_t size, int64_t end, int64_t message, int64_t tag,
                                  const struct meanings *meanings, int64_t literal)
{
    const int64_t column = meanings->column[literal];
    if (column < 0 || column >= meanings->columns)
        return -1;
    const int64_t number = meanings->everyday[tag * meanings->columns + column];
    if (number < 0 || number >= meanings->signatures)
        return -1;
    const uint64_t last = word_at(data, size, end - 8);
    if ((last & meanings->masks[number]) != meanings->endings[number] || last >> 56 == '\r')
        return -1;
    if (meanings->corosync[tag]) {
        const uint64_t begin = word_at(data, size, message);
        if ((begin & 0xFFFFFF) != (' ' | ' ' << 8 | '[' << 16) && (begin & 0xFF) != '[')
            return -1;
    }
    return number;
}

static void number_groups(const uint8_t *data, int64_t size, const struct page *page, const struct meanings *meanings,
                          struct groups *groups, int64_t count)
{
    int64_t left = 0, length = 0;
    groups->crowd = 0;
    memset(meanings->counts, 0, (size_t)meanings->signatures * sizeof *meanings->counts);
    for (int64_t i = 0; i < count; i++) {
        const int64_t place = groups->places[i], end = page->ends[place];
        if (i + AHEAD < count)
            fetch(data, page->ends[groups->places[i + AHEAD]] - 8);
        const int64_t number =
            groups->sizes[i] == 1
                ? everyday_signature(data, size, end, groups->messages[i], groups->tags[i], meanings, groups->literals[groups->begins[i]])
                : -1;
        groups->numbers[i] = number;
        if (number < 0) {
            groups->left[left++] = i;
            continue;
        }
        groups->kept[i - left] = place;
        groups->signatures[i - left] = number;
        length += end - begin_of(page, place);
        if (meanings->storms[number] && ++meanings->counts[number] > groups->crowd)
            groups->crowd = meanings->counts[number];
    }
    groups->left_count = left;
    groups->kept_size = length;
}

/* Of the codes of a page's lines the groups of those that are not fed and can mean anything, and the codes of lines that are not fed and
 * state a moment twice, as far as they are due, with the literal counted among the hints. Gives how many groups there are; every array of
 * `groups` has room for all codes. */
EXPORT int64_t pveforensics_grouped(const uint8_t *data, int64_t size, const int64_t *codes, int64_t count, const struct page *page,
                                    const struct hit_lines *heads, const struct meanings *meanings, struct groups *groups)
{
    struct hinted hinted[MOST_HINTS] = {{0, 0, 0}}; /* no moment lies between 0 and 0 */
    int64_t found = 0, literals = 0, fed = 0, hints = 0, head = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t place = codes[i] >> CODE_BITS, literal = LITERAL(codes[i]), hint = literal - meanings->literals;
        if (place < 0 || place >= page->count)
            continue;
        if (i + AHEAD < count)
            fetch((const uint8_t *)page->at, (codes[i + AHEAD] >> CODE_BITS) * (int64_t)sizeof *page->at);
        if (hint >= 0 && hint < meanings->hints && hint < MOST_HINTS
            && is_due(hinted + hint, page->at[place], meanings->thin, page->fed[place]))
            groups->hints[hints++] = place << CODE_BITS | hint;
        if (page->fed[place]) {
            groups->fed[fed++] = codes[i];
            continue;
        }
        while (head < heads->count && heads->lines[head] < place)
            head++;
        if (head == heads->count)
            break;
        const int64_t tag = heads->tags[head];
        if (hint >= 0 || tag < 0 || tag >= meanings->tags || !meanings->fitting[tag * meanings->literals + literal])
            continue;
        if (found == 0 || groups->places[found - 1] != place) {
            groups->places[found] = place;
            groups->begins[found] = literals;
            groups->tags[found] = tag;
            groups->messages[found] = heads->messages[head];
            groups->sizes[found++] = 0;
        }
        groups->sizes[found - 1]++;
        groups->literals[literals++] = literal;
    }
    groups->literal_count = literals;
    groups->fed_count = fed;
    groups->hint_count = hints;
    number_groups(data, size, page, meanings, groups, found);
    return found;
}

/* Lines that are kept, in a column for each of their numbers, moments and offsets in `text`, their lengths, signatures and hosts. */
struct kept {
    int64_t *numbers;
    int64_t *moments;
    int64_t *starts;
    int32_t *lengths;
    int32_t *signatures;
    int32_t *hosts;
    uint8_t *text;
    int64_t room;
};

/* Keeps these lines of a page whose first line has the number `first`, and of which each host has a number among `hosts`; `only` is the host
 * of all lines, or -1. Gives the length of the text, which is no more than `room`; -1 where a line does not fit. */
EXPORT int64_t pveforensics_kept(const uint8_t *data, int64_t size, const struct page *page, const int64_t *places,
                                 const int64_t *signatures, int64_t count, int64_t first, const int64_t *hosts, int64_t host_count,
                                 int64_t only, const struct kept *kept)
{
    int64_t length = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t place = places[i];
        if (place < 0 || place >= page->count)
            return -1;
        const int64_t begin = begin_of(page, place), end = page->ends[place], host = only >= 0 ? only : page->hosts[place];
        if (begin < 0 || end > size || end < begin || end - begin > kept->room - length || host < 0 || host >= host_count)
            return -1;
        memcpy(kept->text + length, data + begin, (size_t)(end - begin));
        kept->numbers[i] = first + place;
        kept->moments[i] = page->at[place];
        kept->starts[i] = length;
        kept->lengths[i] = (int32_t)(end - begin);
        kept->signatures[i] = (int32_t)signatures[i];
        kept->hosts[i] = (int32_t)hosts[host];
        length += end - begin;
    }
    return length;
}
