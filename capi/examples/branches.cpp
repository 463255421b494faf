// Continues a text in several ways from one state: branches MODEL PROMPT
#include <atome.h>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

// What C gives a handle of, closed by whoever owns it last.
template <auto close> struct Close {
    template <typename T> void operator()(T *handle) const { close(handle); }
};
template <typename T, auto close> using Owned = std::unique_ptr<T, Close<close>>;
using Model = Owned<atome_model, atome_model_close>;
using Session = Owned<atome_session, atome_session_close>;
using Sampler = Owned<atome_sampler, atome_sampler_close>;
using Tokenizer = Owned<atome_tokenizer, atome_tokenizer_close>;

static void must(atome_status status) {
    if (status != ATOME_OK) throw std::runtime_error(atome_message());
}

// The handle that a call opens.
template <typename Owner, typename Open, typename... Arguments> Owner opened(Open open, Arguments... arguments) {
    typename Owner::pointer handle = nullptr;
    must(open(arguments..., &handle));
    return Owner(handle);
}

static std::vector<uint32_t> encoded(const Tokenizer &tokenizer, const std::string &text) {
    size_t count = 0;
    atome_tokenizer_encode(tokenizer.get(), text.data(), text.size(), 1, nullptr, 0, &count);
    std::vector<uint32_t> tokens(count);
    must(atome_tokenizer_encode(tokenizer.get(), text.data(), text.size(), 1, tokens.data(), count, &count));
    return tokens;
}

static void tell(const char *path, const std::string &prompt) {
    auto model = opened<Model>(atome_model_load, path, nullptr, nullptr);
    auto tokenizer = opened<Tokenizer>(atome_tokenizer_open, model.get());
    auto session = opened<Session>(atome_session_open, model.get());
    auto tokens = encoded(tokenizer, prompt);
    must(atome_session_prefill(session.get(), tokens.data(), tokens.size()));

    std::vector<uint8_t> state(atome_session_state_bytes(session.get()));
    must(atome_session_save(session.get(), state.data(), state.size()));
    for (uint64_t seed = 1; seed <= 3; seed++) {
        must(atome_session_restore(session.get(), state.data(), state.size()));
        auto sampling = atome_sampling_default();
        sampling.seed = seed;
        auto sampler = opened<Sampler>(atome_sampler_open, model.get(), &sampling);
        std::vector<uint32_t> answer;
        for (int i = 0; i < 40; i++) {
            uint32_t token = 0;
            must(atome_sampler_sample(sampler.get(), session.get(), &token));
            if (atome_model_is_end(model.get(), token)) break;
            must(atome_session_step(session.get(), token));
            answer.push_back(token);
        }
        std::string text(4 * answer.size(), '\0');
        size_t bytes = 0;
        must(atome_tokenizer_decode(tokenizer.get(), answer.data(), answer.size(), text.data(), text.size(), &bytes));
        text.resize(bytes);
        std::cout << seed << ": " << prompt << text << '\n';
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        std::cerr << "usage: branches MODEL PROMPT\n";
        return 2;
    }
    try {
        tell(argv[1], argv[2]);
    } catch (const std::exception &error) {
        std::cerr << "error: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
