/* Looks up rows of a ternary table: as bytes, by the specification's primitive, and packed. Nothing is allocated. */
#include <atome.h>
#include <stdio.h>
#include <string.h>

enum { VOCAB = 3, DIM = 5, TOKENS = 4, WORDS = 16 * VOCAB };

static const int8_t table[VOCAB * DIM] = {
    1, 0, -1, 1, -1, /* 0 */
    0, 0, 1, 1, 0,   /* 1 */
    -1, 1, 0, 0, 1,  /* 2 */
};
static const int32_t ids[TOKENS] = {2, 0, 1, 2};
static uint32_t packed[WORDS];
static float rows[TOKENS * DIM], same[TOKENS * DIM];

int main(void) {
    tern_embed(table, ids, rows, 0.25f, TOKENS, DIM);
    for (int i = 0; i < TOKENS * DIM; i++) printf(i % DIM == DIM - 1 ? "%5.2f\n" : "%5.2f ", rows[i]);

    const tern_packing packings[] = {TERN_INT2, TERN_BASE3};
    for (int i = 0; i < 2; i++) {
        size_t words = tern_table_words(packings[i], VOCAB, DIM);
        if (words > WORDS || tern_table_pack(packings[i], table, VOCAB, DIM, packed, words) != ATOME_OK
            || tern_embed_packed(packings[i], packed, VOCAB, ids, same, 0.25f, TOKENS, DIM) != ATOME_OK) {
            fprintf(stderr, "error: %s\n", atome_message());
            return 1;
        }
        if (memcmp(rows, same, sizeof rows) != 0) return 1;
    }

    /* An id that is no row is refused. */
    const int32_t wrong[] = {0, VOCAB};
    if (tern_embed_packed(TERN_BASE3, packed, VOCAB, wrong, same, 0.25f, 2, DIM) != ATOME_BAD_ARGUMENT) return 1;
    puts(atome_message());
    return 0;
}
