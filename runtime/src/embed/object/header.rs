//! The C header of an object: what is around the two functions that the object has.

use crate::embed::door::Door;
use atome_spec::Target;

impl Door<'_> {
    /// The header of the object whose functions begin with `name`.
    pub(super) fn header(
        &self,
        name: &str,
        target: Target,
        weights: &[u8],
        with_weights: bool,
    ) -> String {
        let ports = &self.plan.ports;
        let where_weights = match with_weights {
            true => IN_OBJECT.to_owned(),
            false => {
                let sum = format!("0x{:08x}", crc32fast::hash(weights));
                IN_BLOB.replace("@CRC32", &sum)
            }
        };
        let classify = self.classes.map_or_else(String::new, |classes| {
            CLASSIFY.replace("@CLASSES", &classes.to_string())
        });
        let mut text = format!("{HEAD}{where_weights}{BODY}{classify}{END}");
        for (key, number) in [
            ("@VOCAB", self.vocab),
            ("@LOGITS", self.plan.tensor(ports.logits).bytes / 4),
            ("@STATE", self.memory_bytes()),
            ("@WEIGHTS", self.weights),
            ("@WINDOW", self.window.clamp(1, u32::MAX as usize)),
            ("@IDS", self.at(ports.ids) / 4),
            ("@AT_LOGITS", self.at(ports.logits) / 4),
            ("@ARGMAX", self.at(ports.argmax) / 4),
        ] {
            text = text.replace(key, &number.to_string());
        }
        text.replace("@TARGET", target.name())
            .replace("NAME", &name.to_ascii_uppercase())
            .replace("name_", &format!("{name}_"))
    }
}

const HEAD: &str = "\
/* A model for @TARGET: its kernels are in the object beside this header. C99 or C++.
   Nothing is allocated, and nothing is called but memcpy and memset. Written by `atome compile`. */
#ifndef NAME_H
#define NAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern \"C\" {
#endif

/** Token ids are below this. */
#define NAME_VOCAB @VOCAB
/** Logits that follow a token: one for each id, or for each class of a classifier. */
#define NAME_LOGITS @LOGITS
/** Bytes of memory that a model works in. */
#define NAME_STATE @STATE
/** Bytes of weights and constants. */
#define NAME_WEIGHTS @WEIGHTS

/** What a call came to. */
enum name_status {
    NAME_OK = 0,
    /** There are no tokens. */
    NAME_EMPTY = 1,
    /** A token is not below NAME_VOCAB; nothing has changed. */
    NAME_TOKEN = 2,
    /** The logits are not finite: nothing is taken in until name_reset. */
    NAME_NOT_FINITE = 3
};

/** A model and what it remembers. name_reset makes one of any memory; a copy is one of its own, which goes on from there. */
typedef struct {
    float words[NAME_STATE / 4];
    /** Tokens taken in so far. */
    uint64_t position;
    /** Where the last token is among the positions that attention keeps, how many these are, and which is the oldest. */
    uint32_t slot, len, oldest;
    uint32_t is_lost;
} name_model;

";

const IN_OBJECT: &str = "\
/** The weights, as kernels read them: read-only data of the object. */
extern const unsigned char name_weights[NAME_WEIGHTS];
";

const IN_BLOB: &str = "\
/** CRC-32, as zip and PNG have it, of the NAME_WEIGHTS bytes of the file of weights. */
#define NAME_WEIGHTS_CRC32 @CRC32u
/** The program defines this: where the bytes of the file of weights are, at a multiple of 4, best of 64. */
extern const unsigned char *name_weights;
";

const BODY: &str = "
/* What the object has; the functions below call it. */
void name_body(const void *weights, void *memory, uint64_t slot, uint64_t len, uint64_t oldest);
void name_head(const void *weights, void *memory, uint64_t slot, uint64_t len, uint64_t oldest);

/** Forgets everything. */
static inline void name_reset(name_model *model) {
    memset(model, 0, sizeof *model);
}

/** The NAME_LOGITS logits that follow the last token; zeros before the first one. */
static inline const float *name_logits(const name_model *model) {
    return model->words + @AT_LOGITS;
}

/** Index of the greatest logit, the lowest among equals. */
static inline uint32_t name_argmax(const name_model *model) {
    uint32_t index;
    memcpy(&index, model->words + @ARGMAX, sizeof index);
    return index;
}

/** Whether there are tokens, and each is one of the model's. */
static inline enum name_status name_check(const uint32_t *tokens, size_t count) {
    size_t i;
    if (count == 0) {
        return NAME_EMPTY;
    }
    for (i = 0; i < count; i++) {
        if (tokens[i] >= NAME_VOCAB) {
            return NAME_TOKEN;
        }
    }
    return NAME_OK;
}

/** Takes in tokens; name_logits are then those that follow the last one. */
static inline enum name_status name_prefill(name_model *model, const uint32_t *tokens, size_t count) {
    const enum name_status status = name_check(tokens, count);
    size_t i;
    if (status != NAME_OK) {
        return status;
    }
    if (model->is_lost) {
        return NAME_NOT_FINITE;
    }
    for (i = 0; i < count; i++) {
        const uint32_t window = @WINDOW;
        model->slot = (uint32_t)(model->position % window);
        model->len = model->len < window ? model->len + 1 : window;
        model->oldest = model->len < window || model->slot + 1 == window ? 0 : model->slot + 1;
        model->position++;
        memcpy(model->words + @IDS, &tokens[i], sizeof tokens[i]);
        name_body(name_weights, model->words, model->slot, model->len, model->oldest);
    }
    name_head(name_weights, model->words, model->slot, model->len, model->oldest);
    for (i = 0; i < NAME_LOGITS; i++) {
        uint32_t bits;
        memcpy(&bits, name_logits(model) + i, sizeof bits);
        if ((bits & 0x7f800000u) == 0x7f800000u) {
            model->is_lost = 1;
            return NAME_NOT_FINITE;
        }
    }
    return NAME_OK;
}

/** Takes in one token. */
static inline enum name_status name_step(name_model *model, uint32_t token) {
    return name_prefill(model, &token, 1);
}
";

const CLASSIFY: &str = "
/** Classes that there are. */
#define NAME_CLASSES @CLASSES

/** Forgets everything, takes in tokens and writes the class that they belong to. */
static inline enum name_status name_classify(
    name_model *model, const uint32_t *tokens, size_t count, uint32_t *class_index) {
    enum name_status status = name_check(tokens, count);
    if (status != NAME_OK) {
        return status;
    }
    name_reset(model);
    status = name_prefill(model, tokens, count);
    if (status == NAME_OK) {
        *class_index = name_argmax(model);
    }
    return status;
}
";

const END: &str = "
#ifdef __cplusplus
}
#endif

#endif
";
