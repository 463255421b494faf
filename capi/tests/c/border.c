/* Every wrong argument that can be seen from inside gives a status and a line, and does nothing: border MODEL */
#include <atome.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

/* Expects a status; with one that is not ATOME_OK, a message with these words. */
static void is(int line, atome_status expected, const char *words, atome_status found) {
    if (found != expected || (expected != ATOME_OK && strstr(atome_message(), words) == NULL)) {
        printf("line %d: expected status %d and `%s`, found status %d and `%s`\n", line, expected, words, found, atome_message());
        failed = 1;
    }
}

static void holds(int line, int fact) {
    if (!fact) {
        printf("line %d: does not hold\n", line);
        failed = 1;
    }
}

#define OK(call) is(__LINE__, ATOME_OK, "", call)
#define BAD(words, call) is(__LINE__, ATOME_BAD_ARGUMENT, words, call)
#define HOLDS(fact) holds(__LINE__, fact)

enum { VOCAB = 5, DIM = 70, TOKENS = 3 };

static int8_t trits[VOCAB * DIM];
static uint32_t table[VOCAB * 16], q[TOKENS * 32];
static float out[TOKENS * DIM], x[TOKENS * DIM], scales[TOKENS];
static int32_t sums[TOKENS];
static const int32_t ids[TOKENS] = {4, 0, 4};

/* An address that no element of its type may have. */
#define SKEWED(type, at) ((type *)((char *)(at) + 1))

static void rows(void) {
    memset(out, 0x7f, sizeof out);
    float before[TOKENS * DIM];
    memcpy(before, out, sizeof out);
    int32_t negative[] = {0, -1, 0};
    tern_embed(NULL, ids, out, 1, TOKENS, DIM);
    tern_embed(trits, NULL, out, 1, TOKENS, DIM);
    tern_embed(trits, ids, NULL, 1, TOKENS, DIM);
    tern_embed(trits, ids, out, 1, -1, DIM);
    tern_embed(trits, ids, out, 1, TOKENS, -1);
    tern_embed(trits, ids, out, 1, 0, DIM);
    tern_embed(trits, ids, out, 1, TOKENS, 0);
    tern_embed(trits, negative, out, 1, TOKENS, DIM);
    tern_embed(trits, SKEWED(int32_t, ids), out, 1, TOKENS, DIM);
    tern_embed(trits, ids, SKEWED(float, out), 1, TOKENS, DIM);
    HOLDS(memcmp(before, out, sizeof out) == 0);

    HOLDS(tern_table_words(7, 3, 5) == 0);
    HOLDS(tern_table_words(TERN_INT2, SIZE_MAX / 2, 100) == SIZE_MAX);
    size_t words = tern_table_words(TERN_BASE3, VOCAB, DIM);
    BAD("`packing` is 2", tern_table_pack(2, trits, VOCAB, DIM, table, words));
    BAD("`trits` is null", tern_table_pack(TERN_BASE3, NULL, VOCAB, DIM, table, words));
    BAD("`table` is null", tern_table_pack(TERN_BASE3, trits, VOCAB, DIM, NULL, words));
    BAD("multiple of 4", tern_table_pack(TERN_BASE3, trits, VOCAB, DIM, SKEWED(uint32_t, table), words));
    BAD("packs into 80 words, found 79", tern_table_pack(TERN_BASE3, trits, VOCAB, DIM, table, words - 1));
    BAD("more than memory", tern_table_pack(TERN_BASE3, trits, SIZE_MAX, DIM, table, words));
    BAD("more than memory", tern_table_pack(TERN_BASE3, trits, VOCAB, DIM, table, SIZE_MAX));
    trits[DIM + 2] = 3;
    BAD("row 1, column 2 is 3", tern_table_pack(TERN_BASE3, trits, VOCAB, DIM, table, words));
    trits[DIM + 2] = 0;

    for (tern_packing packing = TERN_INT2; packing <= TERN_BASE3; packing++) {
        float same[TOKENS * DIM];
        OK(tern_table_pack(packing, trits, VOCAB, DIM, table, tern_table_words(packing, VOCAB, DIM)));
        OK(tern_embed_packed(packing, table, VOCAB, ids, out, -0.5f, TOKENS, DIM));
        tern_embed(trits, ids, same, -0.5f, TOKENS, DIM);
        HOLDS(memcmp(out, same, sizeof out) == 0);
        OK(tern_embed_packed(packing, table, VOCAB, NULL, NULL, 1, 0, DIM));
        for (int i = 0; i < 4; i++) {
            const int32_t wrong[][TOKENS] = {{4, 0, 5}, {4, 0, -1}, {4, 0, INT32_MIN}, {4, 0, INT32_MAX}};
            BAD("at position 2 is not a row", tern_embed_packed(packing, table, VOCAB, wrong[i], out, 1, TOKENS, DIM));
        }
        BAD("`table` is null", tern_embed_packed(packing, NULL, VOCAB, ids, out, 1, TOKENS, DIM));
        BAD("`ids` is null", tern_embed_packed(packing, table, VOCAB, NULL, out, 1, TOKENS, DIM));
        BAD("`out` is null", tern_embed_packed(packing, table, VOCAB, ids, NULL, 1, TOKENS, DIM));
        BAD("`table` is at", tern_embed_packed(packing, SKEWED(uint32_t, table), VOCAB, ids, out, 1, TOKENS, DIM));
        BAD("`ids` is at", tern_embed_packed(packing, table, VOCAB, SKEWED(int32_t, ids), out, 1, TOKENS, DIM));
        BAD("`out` is at", tern_embed_packed(packing, table, VOCAB, ids, SKEWED(float, out), 1, TOKENS, DIM));
        BAD("more than memory", tern_embed_packed(packing, table, SIZE_MAX, ids, out, 1, TOKENS, DIM));
        BAD("more than memory", tern_embed_packed(packing, table, VOCAB, ids, out, 1, SIZE_MAX / 4, DIM));
        BAD("more than memory", tern_embed_packed(packing, table, VOCAB, ids, out, 1, TOKENS, SIZE_MAX / 4));
    }
    const float wild[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        BAD("`scale` is ", tern_embed_packed(TERN_BASE3, table, VOCAB, ids, out, wild[i], TOKENS, DIM));
        float kept[TOKENS * DIM];
        memcpy(kept, out, sizeof out);
        tern_embed(trits, ids, out, wild[i], TOKENS, DIM);
        HOLDS(memcmp(kept, out, sizeof out) == 0);
    }
    BAD("`packing` is 9", tern_embed_packed(9, table, VOCAB, ids, out, 1, TOKENS, DIM));
}

static void products(void) {
    static uint32_t w[64 * 64];
    enum { ROWS = 6, COLS = DIM };
    HOLDS(tern_matrix_words(9, 1, 1) == 0);
    HOLDS(tern_matrix_words(TERN_INT2, SIZE_MAX / 2, 100) == SIZE_MAX);
    HOLDS(tern_quantized_words(SIZE_MAX / 2, 100) == SIZE_MAX);
    size_t words = tern_quantized_words(TOKENS, COLS);
    for (int i = 0; i < TOKENS * COLS; i++) x[i] = (float)(i % 13) - 6;
    OK(tern_quantize(x, TOKENS, COLS, q, words, scales, sums));
    BAD("`x` is null", tern_quantize(NULL, TOKENS, COLS, q, words, scales, sums));
    BAD("`q` is null", tern_quantize(x, TOKENS, COLS, NULL, words, scales, sums));
    BAD("`scales` is null", tern_quantize(x, TOKENS, COLS, q, words, NULL, sums));
    BAD("`sums` is null", tern_quantize(x, TOKENS, COLS, q, words, scales, NULL));
    BAD("`q` has", tern_quantize(x, TOKENS, COLS, q, words - 1, scales, sums));
    BAD("`cols` is 0", tern_quantize(x, TOKENS, 0, q, 0, scales, sums));
    BAD("more than memory", tern_quantize(x, SIZE_MAX, COLS, q, words, scales, sums));
    BAD("`x` is at", tern_quantize(SKEWED(float, x), TOKENS, COLS, q, words, scales, sums));

    static int8_t matrix[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++) matrix[i] = (int8_t)(i * i % 3 - 1);
    for (tern_packing packing = TERN_INT2; packing <= TERN_BASE3; packing++) {
        size_t size = tern_matrix_words(packing, ROWS, COLS);
        HOLDS(size > 0 && size <= sizeof w / sizeof *w);
        OK(tern_matrix_pack(packing, matrix, ROWS, COLS, w, size));
        BAD("`trits` is null", tern_matrix_pack(packing, NULL, ROWS, COLS, w, size));
        BAD("`w` is null", tern_matrix_pack(packing, matrix, ROWS, COLS, NULL, size));
        BAD("words, found", tern_matrix_pack(packing, matrix, ROWS, COLS, w, size - 1));
        BAD("`packing` is 3", tern_matrix_pack(3, matrix, ROWS, COLS, w, size));

        float one[ROWS], all[TOKENS * ROWS];
        OK(tern_gemv_i8(packing, w, ROWS, COLS, q, scales[0], sums[0], 0.5f, one));
        OK(tern_gemm_i8(packing, w, ROWS, COLS, q, scales, sums, TOKENS, 0.5f, all));
        HOLDS(memcmp(one, all, sizeof one) == 0);
        for (int r = 0; r < ROWS; r++) {
            double sum = 0;
            for (int c = 0; c < COLS; c++) sum += 0.5 * matrix[r * COLS + c] * x[c];
            HOLDS(sum - one[r] < 2 && one[r] - sum < 2);
        }
        const float wild[] = {NAN, -NAN, INFINITY, -INFINITY};
        for (int i = 0; i < 4; i++) {
            float kept[TOKENS * ROWS], row_scales[TOKENS];
            memcpy(kept, all, sizeof all);
            memcpy(row_scales, scales, sizeof row_scales);
            BAD("`scale` is ", tern_gemv_i8(packing, w, ROWS, COLS, q, scales[0], sums[0], wild[i], all));
            BAD("`q_scale` is ", tern_gemv_i8(packing, w, ROWS, COLS, q, wild[i], sums[0], 0.5f, all));
            BAD("`scale` is ", tern_gemm_i8(packing, w, ROWS, COLS, q, scales, sums, TOKENS, wild[i], all));
            row_scales[1] = wild[i];
            BAD("`q_scales` at 1 is ", tern_gemm_i8(packing, w, ROWS, COLS, q, row_scales, sums, TOKENS, 0.5f, all));
            BAD("`scale` is ", tern_gemv(w, ROWS, COLS, x, wild[i], all));
            BAD("`scale` is ", tern_gemm(w, ROWS, COLS, x, TOKENS, wild[i], all));
            HOLDS(memcmp(kept, all, sizeof all) == 0);
        }
        /* Of no tokens there is nothing. */
        OK(tern_gemm_i8(packing, w, ROWS, COLS, NULL, NULL, NULL, 0, 0.5f, NULL));
        OK(tern_quantize(NULL, 0, COLS, NULL, 0, NULL, NULL));
        BAD("`cols` is 0", tern_gemm_i8(packing, NULL, ROWS, 0, NULL, NULL, NULL, 0, 0.5f, NULL));
        if (packing == TERN_INT2) {
            OK(tern_gemm(w, ROWS, COLS, NULL, 0, 0.5f, NULL));
            BAD("`rows` is 0", tern_gemm(NULL, 0, COLS, NULL, 0, 0.5f, NULL));
            BAD("`w` is null", tern_gemm(NULL, ROWS, COLS, NULL, 0, 0.5f, NULL));
        }
        BAD("`w` is null", tern_gemv_i8(packing, NULL, ROWS, COLS, q, 1, 0, 1, one));
        BAD("`q` is null", tern_gemv_i8(packing, w, ROWS, COLS, NULL, 1, 0, 1, one));
        BAD("`out` is null", tern_gemv_i8(packing, w, ROWS, COLS, q, 1, 0, 1, NULL));
        BAD("`packing` is 3", tern_gemv_i8(3, w, ROWS, COLS, q, 1, 0, 1, one));
        BAD("more than memory", tern_gemv_i8(packing, w, SIZE_MAX / 2, COLS, q, 1, 0, 1, one));
        BAD("`w` is at", tern_gemm_i8(packing, SKEWED(uint32_t, w), ROWS, COLS, q, scales, sums, TOKENS, 1, all));
        BAD("`q_scales` is null", tern_gemm_i8(packing, w, ROWS, COLS, q, NULL, sums, TOKENS, 1, all));
        BAD("`q_sums` is null", tern_gemm_i8(packing, w, ROWS, COLS, q, scales, NULL, TOKENS, 1, all));
        BAD("more than memory", tern_gemm_i8(packing, w, ROWS, COLS, q, scales, sums, SIZE_MAX / 2, 1, all));
        if (packing == TERN_INT2) {
            OK(tern_gemv(w, ROWS, COLS, x, 0.5f, one));
            OK(tern_gemm(w, ROWS, COLS, x, TOKENS, 0.5f, all));
            HOLDS(memcmp(one, all, sizeof one) == 0);
            BAD("`w` is null", tern_gemv(NULL, ROWS, COLS, x, 1, one));
            BAD("`x` is null", tern_gemv(w, ROWS, COLS, NULL, 1, one));
            BAD("`out` is null", tern_gemv(w, ROWS, COLS, x, 1, NULL));
            BAD("`x` is at", tern_gemm(w, ROWS, COLS, SKEWED(float, x), TOKENS, 1, all));
            BAD("more than memory", tern_gemm(w, ROWS, COLS, x, SIZE_MAX, 1, all));
        }
    }
}

/* A whole file. */
static uint8_t *read(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) exit(1);
    *bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *read = malloc(*bytes);
    if (fread(read, 1, *bytes, file) != *bytes) exit(1);
    fclose(file);
    return read;
}

static void loading(const char *path) {
    atome_model *model = NULL;
    atome_options options = {0};
    BAD("`model` is null", atome_model_load(path, NULL, NULL, NULL));
    BAD("`path` is null", atome_model_load(NULL, NULL, NULL, &model));
    BAD("`path` is not UTF-8", atome_model_load("\xff", NULL, NULL, &model));
    is(__LINE__, ATOME_BAD_MODEL, "nowhere", atome_model_load("nowhere", NULL, NULL, &model));
    HOLDS(model == NULL);
    options.backend = "fast";
    BAD("found `fast`", atome_model_load(path, NULL, &options, &model));
    options.backend = NULL;
    options.cpu = "z80";
    BAD("`options.cpu`: unknown", atome_model_load(path, NULL, &options, &model));
    options.cpu = NULL;
    options.packing = "int3";
    BAD("`options.packing`: unknown packing", atome_model_load(path, NULL, &options, &model));
    options.packing = NULL;
    options.sessions = SIZE_MAX;
    is(__LINE__, ATOME_CANNOT_RUN, "no memory", atome_model_load(path, NULL, &options, &model));
    options.sessions = 0;
    options.threads = SIZE_MAX;
    is(__LINE__, ATOME_CANNOT_RUN, "threads", atome_model_load(path, NULL, &options, &model));

    size_t bytes;
    uint8_t *file = read(path, &bytes);
    BAD("`bytes` is null", atome_model_parse(NULL, bytes, NULL, NULL, &model));
    BAD("more than memory", atome_model_parse(file, SIZE_MAX, NULL, NULL, &model));
    is(__LINE__, ATOME_BAD_MODEL, "empty", atome_model_parse(NULL, 0, NULL, NULL, &model));
    is(__LINE__, ATOME_BAD_MODEL, "config", atome_model_parse(file, bytes, "{", NULL, &model));
    is(__LINE__, ATOME_BAD_MODEL, "stores no dimensions", atome_model_parse((const uint8_t *)"ATOME01\n", 8, NULL, NULL, &model));
    /* Each cut is copied, so that a byte read beyond it is found. */
    for (size_t cut = 0; cut < bytes; cut += cut < 64 ? 1 : bytes / 41) {
        uint8_t *part = malloc(cut + 1);
        memcpy(part, file, cut);
        is(__LINE__, ATOME_BAD_MODEL, "", atome_model_parse(part, cut, NULL, NULL, &model));
        HOLDS(model == NULL);
        free(part);
    }
    free(file);
    atome_model_close(NULL);
    HOLDS(atome_model_vocab(NULL) == 0 && atome_model_classes(NULL) == 0 && atome_model_is_end(NULL, 0) == 0);
    HOLDS(strchr(atome_version(), '.') != NULL);
}

static void sessions(const atome_model *model) {
    atome_session *session, *other;
    size_t room = atome_session_bytes(model), count;
    uint8_t *memory = malloc(room + 64);
    BAD("`session` is null", atome_session_open(model, NULL));
    BAD("`model` is null", atome_session_open(NULL, &session));
    OK(atome_session_open(model, &session));
    is(__LINE__, ATOME_REFUSED, "no free session", atome_session_open(model, &other));
    HOLDS(other == NULL);
    is(__LINE__, ATOME_REFUSED, "no free session", atome_session_fork(session, &other));
    BAD("`memory` is null", atome_session_open_in(model, NULL, room, &other));
    is(__LINE__, ATOME_REFUSED, "bytes of memory", atome_session_open_in(model, memory, room - 1, &other));
    is(__LINE__, ATOME_REFUSED, "found 0", atome_session_open_in(model, NULL, 0, &other));
    for (int skew = 0; skew < 64; skew++) {
        OK(atome_session_open_in(model, memory + skew, room, &other));
        OK(atome_session_step(other, 1));
        HOLDS(atome_session_position(other) == 1);
        atome_session_close(other);
    }
    OK(atome_session_open_in(model, memory, room, &other));

    uint32_t tokens[] = {1, 2, 3}, wrong = (uint32_t)atome_model_vocab(model), answer = 77;
    is(__LINE__, ATOME_REFUSED, "out of range", atome_session_step(session, wrong));
    is(__LINE__, ATOME_REFUSED, "out of range", atome_session_step(session, UINT32_MAX));
    is(__LINE__, ATOME_REFUSED, "empty", atome_session_prefill(session, NULL, 0));
    BAD("`tokens` is null", atome_session_prefill(session, NULL, 3));
    BAD("`tokens` is at", atome_session_prefill(session, SKEWED(uint32_t, tokens), 2));
    BAD("more than memory", atome_session_prefill(session, tokens, SIZE_MAX));
    BAD("`session` is null", atome_session_step(NULL, 0));
    BAD("`session` is null", atome_session_reset(NULL));
    is(__LINE__, ATOME_REFUSED, "no classifier head", atome_session_classify(session, tokens, 3, &answer));
    HOLDS(answer == 77 && atome_session_position(session) == 0);
    OK(atome_session_prefill(session, tokens, 3));

    const float *logits;
    BAD("`logits` is null", atome_session_logits(session, NULL, &count));
    BAD("`count` is null", atome_session_logits(session, &logits, NULL));
    HOLDS(atome_session_position(NULL) == 0 && atome_session_argmax(NULL) == 0 && atome_session_state_bytes(NULL) == 0);
    HOLDS(atome_session_bytes(NULL) == 0);

    size_t bytes = atome_session_state_bytes(session);
    uint8_t *state = malloc(bytes);
    is(__LINE__, ATOME_REFUSED, "bytes, found", atome_session_save(session, state, bytes - 1));
    BAD("`state` is null", atome_session_save(session, NULL, bytes));
    OK(atome_session_save(session, state, bytes));
    for (size_t cut = 0; cut < bytes; cut += 1 + bytes / 37) {
        uint8_t *part = malloc(cut + 1);
        memcpy(part, state, cut);
        is(__LINE__, ATOME_REFUSED, "state", atome_session_restore(other, part, cut));
        free(part);
    }
    state[0] ^= 1;
    is(__LINE__, ATOME_REFUSED, "not a session state", atome_session_restore(other, state, bytes));
    HOLDS(atome_session_position(other) == 0);
    free(state);

    atome_sampler *sampler;
    atome_sampling sampling = atome_sampling_default();
    BAD("`sampling` is null", atome_sampler_open(model, NULL, &sampler));
    sampling.top_p = 0;
    is(__LINE__, ATOME_REFUSED, "top-p", atome_sampler_open(model, &sampling, &sampler));
    HOLDS(sampler == NULL);
    sampling.top_p = 1;
    OK(atome_sampler_open(model, &sampling, &sampler));
    BAD("`sampler` is null", atome_sampler_sample(NULL, session, &answer));
    BAD("`session` is null", atome_sampler_sample(sampler, NULL, &answer));
    BAD("`token` is null", atome_sampler_sample(sampler, session, NULL));
    OK(atome_sampler_sample(sampler, session, &answer));
    uint32_t again = answer;
    OK(atome_sampler_restart(sampler));
    BAD("`token` is 4294967295, expected one below 256", atome_sampler_saw(sampler, UINT32_MAX));
    OK(atome_sampler_saw(sampler, 255));
    OK(atome_sampler_sample(sampler, session, &again));
    HOLDS(again == answer);
    atome_sampler_close(sampler);
    atome_sampler_close(NULL);
    atome_session_close(other);
    atome_session_close(session);
    atome_session_close(NULL);
    free(memory);
}

static void texts(const atome_model *model) {
    atome_tokenizer *tokenizer;
    uint32_t tokens[8];
    char text[8];
    const char *piece;
    size_t count = 0;
    BAD("`model` is null", atome_tokenizer_open(NULL, &tokenizer));
    HOLDS(tokenizer == NULL);
    OK(atome_tokenizer_open(model, &tokenizer));
    OK(atome_tokenizer_encode(tokenizer, "Once", 4, 1, tokens, 8, &count));
    HOLDS(count == 4 && tokens[0] == 'O');
    BAD("room for 3 elements, expected 4", atome_tokenizer_encode(tokenizer, "Once", 4, 0, tokens, 3, &count));
    HOLDS(count == 4);
    BAD("`text` is null", atome_tokenizer_encode(tokenizer, NULL, 4, 0, tokens, 8, &count));
    BAD("`tokens` is null", atome_tokenizer_encode(tokenizer, "Once", 4, 0, NULL, 8, &count));
    BAD("`count` is null", atome_tokenizer_encode(tokenizer, "Once", 4, 0, tokens, 8, NULL));
    BAD("more than memory", atome_tokenizer_encode(tokenizer, "Once", SIZE_MAX, 0, tokens, 8, &count));
    OK(atome_tokenizer_decode(tokenizer, tokens, 4, text, 8, &count));
    HOLDS(count == 4 && memcmp(text, "Once", 4) == 0);
    BAD("room for 0 elements, expected 4", atome_tokenizer_decode(tokenizer, tokens, 4, NULL, 0, &count));
    BAD("`tokenizer` is null", atome_tokenizer_decode(NULL, tokens, 4, text, 8, &count));
    OK(atome_tokenizer_bytes(tokenizer, UINT32_MAX, &piece, &count));
    HOLDS(count == 0);
    OK(atome_tokenizer_bytes(tokenizer, 'n', &piece, &count));
    HOLDS(count == 1 && *piece == 'n');
    BAD("`bytes` is null", atome_tokenizer_bytes(tokenizer, 'n', NULL, &count));
    atome_tokenizer_close(tokenizer);
    atome_tokenizer_close(NULL);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    for (int i = 0; i < VOCAB * DIM; i++) trits[i] = (int8_t)(i % 7 % 3 - 1);
    rows();
    products();
    loading(argv[1]);
    atome_model *model;
    atome_options options = {0};
    options.backend = "aot";
    OK(atome_model_load(argv[1], NULL, &options, &model));
    sessions(model);
    texts(model);
    atome_model_close(model);
    return failed;
}
