/* Continues a text: story MODEL PROMPT */
#include <atome.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A call that fails ends the program with what it says. */
static void must(atome_status status) {
    if (status != ATOME_OK) {
        fprintf(stderr, "error: %s\n", atome_message());
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: story MODEL PROMPT\n");
        return 2;
    }
    atome_model *model;
    must(atome_model_load(argv[1], NULL, NULL, &model));

    /* The session is in memory of this program, which may as well be a static array. */
    size_t bytes = atome_session_bytes(model);
    uint8_t *memory = malloc(bytes);
    atome_session *session;
    must(atome_session_open_in(model, memory, bytes, &session));

    atome_tokenizer *tokenizer;
    uint32_t prompt[1024];
    size_t count;
    must(atome_tokenizer_open(model, &tokenizer));
    must(atome_tokenizer_encode(tokenizer, argv[2], strlen(argv[2]), 1, prompt, 1024, &count));
    must(atome_session_prefill(session, prompt, count));

    atome_sampler *sampler;
    atome_sampling sampling = atome_sampling_default();
    sampling.seed = 7;
    must(atome_sampler_open(model, &sampling, &sampler));

    fputs(argv[2], stdout);
    for (int i = 0; i < 100; i++) {
        uint32_t token;
        const char *piece;
        size_t length;
        must(atome_sampler_sample(sampler, session, &token));
        if (atome_model_is_end(model, token)) break;
        must(atome_tokenizer_bytes(tokenizer, token, &piece, &length));
        fwrite(piece, 1, length, stdout);
        must(atome_session_step(session, token));
    }
    putchar('\n');

    atome_sampler_close(sampler);
    atome_tokenizer_close(tokenizer);
    atome_session_close(session);
    atome_model_close(model);
    free(memory);
    return 0;
}
