/*
 * atome: kernels and models of ternary (1.58-bit) weights, for C99 and C++.
 *
 * Bits. Results are the same bits on every CPU, with any number of threads and every backend.
 *
 * Status. Where a call returns an atome_status, everything but ATOME_OK means that it did nothing, unless said otherwise, and
 * atome_message() says why in one line. Null, misaligned, too short or out-of-range arguments give a status. What cannot be seen
 * from inside is the caller's to keep: an address is of as many elements as the call says, a handle was opened and is not closed,
 * buffers that a call writes overlap no other of its arguments. Where there are no elements, an address may be null.
 *
 * Threads. A model and a tokenizer may be used by many threads at the same time; a session and a sampler by one at a time.
 *
 * Memory. The tern_ functions never allocate where they succeed; nor do steps, prefill, sampling, saving and restoring.
 */
#ifndef ATOME_H
#define ATOME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------ status */

typedef int32_t atome_status;
enum {
    ATOME_OK = 0,
    /* An argument is null, misaligned, of the wrong size or out of its range. */
    ATOME_BAD_ARGUMENT = 1,
    /* A file, or bytes, hold no model that is read. */
    ATOME_BAD_MODEL = 2,
    /* The machine cannot run the model: no memory, or not the CPU that was asked for. */
    ATOME_CANNOT_RUN = 3,
    /* A model or session does not do what was asked of it: no token, or one that is not in the vocabulary; no free session; memory
     * or a state of another size than its own; settings of a sampler that are out of their range. */
    ATOME_REFUSED = 4,
    /* A fault of this library. Objects of the call can be closed, and are good for nothing else. */
    ATOME_FAULT = 5
};

/* Why the last call of this thread that failed did so: one line, until the next one fails. Never null. */
const char *atome_message(void);

/* The version of the library, such as "0.1.0". */
const char *atome_version(void);

/* ------------------------------------------------------------------------------------------------ kernels */

/* How trits lie in memory. */
typedef uint32_t tern_packing;
enum {
    /* 2 bits a trit. */
    TERN_INT2 = 0,
    /* 1.6 bits a trit: five in a byte. */
    TERN_BASE3 = 1
};

/*
 * out[t][c] = W[ids[t]][c] * scale, by the best instructions of the CPU.
 *
 *   W: rows of dim bytes, each -1, 0 or 1 (any other byte is the number it is)
 *   ids: seq_len rows of W      out: seq_len rows of dim      scale: finite
 *
 * A trit of 0 gives +0.0. It cannot say that it refuses: with an argument that is null or misaligned, a size or an id below 0,
 * or a scale that is not finite, it does nothing. An id must be a row of W, whose size it is not told; tern_embed_packed is.
 */
void tern_embed(const int8_t *W, const int32_t *ids, float *out, float scale, int seq_len, int dim);

/* Words of a packed table of vocab rows of dim trits; SIZE_MAX if they are more than memory, 0 of no packing. */
size_t tern_table_words(tern_packing packing, size_t vocab, size_t dim);

/* Packs vocab rows of dim trits, each -1, 0 or 1. Where one is not, what is written is unspecified. */
atome_status tern_table_pack(tern_packing packing, const int8_t *trits, size_t vocab, size_t dim, uint32_t *table, size_t words);

/* out[t][c] = table[ids[t]][c] * scale; a trit of 0 gives +0.0. An id outside the table is refused. Rows are best read from a
 * table that starts at a multiple of 64 bytes. */
atome_status tern_embed_packed(tern_packing packing, const uint32_t *table, size_t vocab, const int32_t *ids, float *out, float scale, size_t seq_len, size_t dim);

/* Words of a packed matrix; SIZE_MAX if they are more than memory, 0 of no packing. */
size_t tern_matrix_words(tern_packing packing, size_t rows, size_t cols);

/* Packs a row-major matrix of trits, each -1, 0 or 1. Where one is not, what is written is unspecified. */
atome_status tern_matrix_pack(tern_packing packing, const int8_t *trits, size_t rows, size_t cols, uint32_t *w, size_t words);

/* Words of tokens rows of cols activations as int8. */
size_t tern_quantized_words(size_t tokens, size_t cols);

/* Activations as int8: each row by its greatest magnitude, which becomes 127, half to even. A row has its scale and the sum of its
 * codes. Of a row with a number that is not finite the scale is NaN, and so is what is multiplied by it. */
atome_status tern_quantize(const float *x, size_t tokens, size_t cols, uint32_t *q, size_t words, float *scales, int32_t *sums);

/* Scales of the calls below and of tern_embed_packed are finite; others are refused. A product or a quantisation of no tokens has no results: it
 * is ATOME_OK where its other arguments are in order, and nothing is written. */

/* out[r] = scale * sum of w[r][c] * x[c], in the order of the columns; w is packed as TERN_INT2. */
atome_status tern_gemv(const uint32_t *w, size_t rows, size_t cols, const float *x, float scale, float *out);

/* tern_gemv for each of tokens rows of x; out has a row of rows numbers for each. */
atome_status tern_gemm(const uint32_t *w, size_t rows, size_t cols, const float *x, size_t tokens, float scale, float *out);

/* out[r] = scale * q_scale * sum of w[r][c] * q[c], the sum in integers; q, its scale and its sum are of tern_quantize. */
atome_status tern_gemv_i8(tern_packing packing, const uint32_t *w, size_t rows, size_t cols, const uint32_t *q, float q_scale, int32_t q_sum, float scale, float *out);

/* tern_gemv_i8 for each of tokens rows of q; out has a row of rows numbers for each. */
atome_status tern_gemm_i8(tern_packing packing, const uint32_t *w, size_t rows, size_t cols, const uint32_t *q, const float *q_scales, const int32_t *q_sums, size_t tokens, float scale, float *out);

/* ------------------------------------------------------------------------------------------------ models */

/* A loaded model. */
typedef struct atome_model atome_model;

/* How a model is loaded. Zeros are the defaults: atome_options options = {0}. */
typedef struct atome_options {
    /* What runs it: "auto", "jit", "aot" or "interp"; null: "auto". */
    const char *backend;
    /* The CPU tier to use, such as "x86-64-v3"; null: the best that the machine has. */
    const char *cpu;
    /* How matrices that multiply int8 are kept: "int2" or "base3"; null: as the file has them. */
    const char *packing;
    /* Threads that share matrix products; 0: by the model's size. */
    size_t threads;
    /* Sessions that can be open at the same time beside those in given memory; 0: one. */
    size_t sessions;
    /* Tokens that a prefill runs at once; 0: 32. */
    size_t block;
    /* Not 0: no kernel multiplies by a weight. */
    int no_multiply;
    /* Not 0: what `atome tune` measured on this CPU is left aside. */
    int no_tuning;
    /* Not 0: the system is not asked for large pages. */
    int small_pages;
} atome_options;

/* Loads the model in a file or a directory. config is the JSON file of its dimensions, where its format stores none; null: the
 * .json beside it. options may be null. Where it fails, *model is null. */
atome_status atome_model_load(const char *path, const char *config, const atome_options *options, atome_model **model);

/* Loads the model in the bytes of a file of any format, which are not needed afterwards. config is the JSON text of its dimensions,
 * where its format stores none; else null. options may be null. Where it fails, *model is null. */
atome_status atome_model_parse(const uint8_t *bytes, size_t count, const char *config, const atome_options *options, atome_model **model);

/* Closes a model; null is none. Its sessions stay open. */
void atome_model_close(atome_model *model);

/* Number of token ids. */
size_t atome_model_vocab(const atome_model *model);

/* Number of classes of a classifier; 0 of a language model. */
size_t atome_model_classes(const atome_model *model);

/* Whether a token ends what the model writes. */
int atome_model_is_end(const atome_model *model, uint32_t token);

/* ------------------------------------------------------------------------------------------------ sessions */

/* A sequence of tokens over a model: what it remembers, and the logits of what may follow. */
typedef struct atome_session atome_session;

/* Bytes that a session takes in given memory, wherever that starts. */
size_t atome_session_bytes(const atome_model *model);

/* Opens a session in memory of the model; there are as many as the options said. Where it fails, *session is null. */
atome_status atome_session_open(const atome_model *model, atome_session **session);

/* Opens a session in memory of the caller, at least atome_session_bytes of it, which nothing else touches until the session is
 * closed. Nothing is allocated. Where it fails, *session is null. */
atome_status atome_session_open_in(const atome_model *model, uint8_t *memory, size_t bytes, atome_session **session);

/* A second session that has seen the same tokens, in memory of the model. Where it fails, *fork is null. */
atome_status atome_session_fork(const atome_session *session, atome_session **fork);

/* Closes a session; null is none. Given memory is the caller's again. */
void atome_session_close(atome_session *session);

/* Takes in a token. */
atome_status atome_session_step(atome_session *session, uint32_t token);

/* Takes in tokens, at least one: the same bits as a step for each. */
atome_status atome_session_prefill(atome_session *session, const uint32_t *tokens, size_t count);

/* Forgets everything, takes in tokens, and gives the class they belong to. */
atome_status atome_session_classify(atome_session *session, const uint32_t *tokens, size_t count, uint32_t *class_);

/* Forgets everything. */
atome_status atome_session_reset(atome_session *session);

/* Tokens taken in. */
uint64_t atome_session_position(const atome_session *session);

/* The logits that follow the last token: as many as there are token ids, or classes. They are the session's, and change with its
 * next token. */
atome_status atome_session_logits(const atome_session *session, const float **logits, size_t *count);

/* The greatest logit's number, the lowest of equals. */
uint32_t atome_session_argmax(const atome_session *session);

/* Bytes of a saved state. */
size_t atome_session_state_bytes(const atome_session *session);

/* Writes what the session remembers, exactly atome_session_state_bytes. */
atome_status atome_session_save(const atome_session *session, uint8_t *state, size_t bytes);

/* Goes back to a state that a session of the same model saved, on whatever machine. */
atome_status atome_session_restore(atome_session *session, const uint8_t *state, size_t bytes);

/* ------------------------------------------------------------------------------------------------ sampling */

/* How tokens are chosen; in the order of the fields. */
typedef struct atome_sampling {
    /* Divides logits above 0, and multiplies those below, of tokens that came lately; 1 does nothing. */
    float repetition_penalty;
    /* Divides the logits; 0: always the most likely token. */
    float temperature;
    /* Keeps so many of the most likely tokens; 0: all. */
    size_t top_k;
    /* Keeps the most likely tokens that together have this share of the probability; 1: all. */
    float top_p;
    /* Keeps tokens that have at least this share of the most likely one's probability; 0: all. */
    float min_p;
    /* Starts the random sequence. */
    uint64_t seed;
} atome_sampling;

/* The settings of `atome run`. */
atome_sampling atome_sampling_default(void);

/* Chooses tokens of a language model, and holds the random sequence. */
typedef struct atome_sampler atome_sampler;

/* Opens a sampler. Where it fails, *sampler is null. */
atome_status atome_sampler_open(const atome_model *model, const atome_sampling *sampling, atome_sampler **sampler);

/* Closes a sampler; null is none. */
void atome_sampler_close(atome_sampler *sampler);

/* Chooses the token that follows; the session does not take it in yet. Before the first token all logits are 0, so that any may be. */
atome_status atome_sampler_sample(atome_sampler *sampler, const atome_session *session, uint32_t *token);

/* Notes a token that the session took in and that this sampler did not choose, for the repetition penalty. */
atome_status atome_sampler_saw(atome_sampler *sampler, uint32_t token);

/* Starts again from the seed. */
atome_status atome_sampler_restart(atome_sampler *sampler);

/* ------------------------------------------------------------------------------------------------ text */

/* How text becomes tokens. */
typedef struct atome_tokenizer atome_tokenizer;

/* Makes the model's tokenizer; one is enough for any number of texts. Where it fails, *tokenizer is null. */
atome_status atome_tokenizer_open(const atome_model *model, atome_tokenizer **tokenizer);

/* Closes a tokenizer; null is none. */
void atome_tokenizer_close(atome_tokenizer *tokenizer);

/* The tokens of a text of so many bytes; if is_start is not 0, after those that the model expects before a text. *count is how
 * many there are, also where they are more than capacity: then the status is ATOME_BAD_ARGUMENT, and none is written. */
atome_status atome_tokenizer_encode(const atome_tokenizer *tokenizer, const char *text, size_t bytes, int is_start, uint32_t *tokens, size_t capacity, size_t *count);

/* The text of tokens in UTF-8, with U+FFFD for what is none, and no zero at its end. *bytes is how long it is, also where it is
 * longer than capacity: then the status is ATOME_BAD_ARGUMENT, and nothing is written. */
atome_status atome_tokenizer_decode(const atome_tokenizer *tokenizer, const uint32_t *tokens, size_t count, char *text, size_t capacity, size_t *bytes);

/* The bytes that one token stands for, maybe a part of a character; none of a special one and of no token. They are the
 * tokenizer's. */
atome_status atome_tokenizer_bytes(const atome_tokenizer *tokenizer, uint32_t token, const char **bytes, size_t *count);

#ifdef __cplusplus
}
#endif

#endif
