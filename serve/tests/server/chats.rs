//! Conversations, whose beginnings are kept.

use crate::support::{Running, inside, quiet};
use serde_json::json;

#[test]
fn conversations_are_kept_and_go_on() {
    let server = Running::new(&inside(4), quiet());
    let mut talk = vec![json!({ "role": "system", "content": "Be brief." })];
    for (turn, said) in ["Who art thou?", "And then?", "Go."]
        .into_iter()
        .enumerate()
    {
        talk.push(json!({ "role": "user", "content": [{ "type": "text", "text": said }] }));
        let ask = json!({ "messages": talk, "max_tokens": 30, "seed": turn });
        let answer = server.post("/v1/chat/completions", &ask).json();
        let message = answer["choices"][0]["message"].clone();
        let cached = answer["usage"]["prompt_tokens_details"]["cached_tokens"]
            .as_u64()
            .unwrap();
        assert_eq!(cached > 30 * turn as u64, turn > 0, "turn {turn}: {answer}");
        talk.push(message);
    }
    // Nothing depends on it: the last answer again, without its beginning being there.
    let fresh = Running::new(
        &inside(2),
        atome_serve::Settings {
            cache_bytes: 0,
            ..quiet()
        },
    );
    let last = talk.pop().unwrap();
    let ask = json!({ "messages": talk, "max_tokens": 30, "seed": 2 });
    let again = fresh.post("/v1/chat/completions", &ask).json();
    assert_eq!(again["choices"][0]["message"]["content"], last["content"]);
    assert_eq!(again["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    let refused = json!({ "messages": [{ "role": "user", "content": "refuse" }] });
    let refused = server.post("/v1/chat/completions", &refused);
    assert_eq!(
        (refused.status, refused.message()),
        (400, "`messages`: this is not said here".into())
    );
}
