/* Prints the bits of a model's logits, by every way to load a model and to hold a session: bits MODEL [CONFIG] */
#include <atome.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(atome_status status) {
    if (status != ATOME_OK) {
        printf("error: %s\n", atome_message());
        exit(1);
    }
}

/* A whole file, with a zero behind it. */
static char *read(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) exit(1);
    *bytes = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*bytes + 1);
    if (fread(text, 1, *bytes, file) != *bytes) exit(1);
    text[*bytes] = 0;
    fclose(file);
    return text;
}

static void print(const atome_session *session) {
    const float *logits;
    size_t count;
    must(atome_session_logits(session, &logits, &count));
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], 4);
        printf("%08" PRIx32 "%c", bits, i + 1 == count ? '\n' : ' ');
    }
    printf("%" PRIu32 " %" PRIu64 "\n", atome_session_argmax(session), atome_session_position(session));
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    size_t bytes, state_bytes, json_bytes;
    const char *config = argc > 2 ? argv[2] : NULL;
    char *json = config ? read(config, &json_bytes) : NULL;
    char *file = read(argv[1], &bytes);
    const uint32_t tokens[] = {1, 5, 3, 2, 7, 0, 4};
    atome_options options = {0};
    options.backend = "aot";
    options.cpu = getenv("ATOME_CPU");

    atome_model *loaded, *parsed;
    must(atome_model_load(argv[1], config, &options, &loaded));
    must(atome_model_parse((const uint8_t *)file, bytes, json, &options, &parsed));
    free(file);
    free(json);
    atome_session *inside, *given;
    must(atome_session_open(loaded, &inside));
    size_t room = atome_session_bytes(parsed);
    uint8_t *memory = malloc(room + 3);
    memset(memory, 0x5a, room + 3);
    must(atome_session_open_in(parsed, memory + 3, room, &given));
    /* A session keeps what it needs of its model. */
    atome_model_close(parsed);

    print(given);
    must(atome_session_prefill(inside, tokens, 7));
    for (int i = 0; i < 7; i++) must(atome_session_step(given, tokens[i]));
    print(inside);
    print(given);

    /* From one to the other and on. */
    state_bytes = atome_session_state_bytes(inside);
    uint8_t *state = malloc(state_bytes);
    must(atome_session_save(inside, state, state_bytes));
    must(atome_session_reset(given));
    must(atome_session_restore(given, state, state_bytes));
    must(atome_session_step(given, 6));
    must(atome_session_step(inside, 6));
    print(inside);
    print(given);
    if (atome_model_classes(loaded) > 0) {
        uint32_t class_;
        must(atome_session_classify(given, tokens, 7, &class_));
        printf("class %" PRIu32 "\n", class_);
        const uint32_t wrong[] = {1, UINT32_MAX};
        if (atome_session_classify(given, wrong, 2, &class_) != ATOME_REFUSED || atome_session_position(given) != 7) return 1;
    }
    atome_session_close(given);
    atome_session_close(inside);
    atome_model_close(loaded);
    free(memory);
    free(state);
    return 0;
}
