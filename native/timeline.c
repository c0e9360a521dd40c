/* The timeline's loops, which put lines into columns and in order. In pveforensics/timeline loops.py and merging.py call them; the twins
 * are in sink.py, blocks.py and merging.py.
 */
#include "text.h"

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

/* Copies so many bytes, short ones in one step: what is too much of it is written over by the next ones. There are `readable` bytes from
 * `from` on, and room for `writable` at `to`. */
static inline void put(uint8_t *to, int64_t writable, const uint8_t *from, int64_t readable, int64_t bytes)
{
    if (bytes <= ONE_STEP && ONE_STEP <= readable && ONE_STEP <= writable)
        memcpy(to, from, ONE_STEP);
    else
        memcpy(to, from, (size_t)bytes);
}

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
        put(packed + length, room - length, data + begin, size - begin, bytes);
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
    put(rows->text + length, rows->room - length, piece->text + begin, piece->size - begin, bytes);
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
