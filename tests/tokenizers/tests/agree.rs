//! Every Unicode scalar in several contexts, and random texts.

use atome_tokenizers_tests::{NAMES, Pair};

/// Runs `check` for each model on a thread of its own.
fn each(check: impl Fn(&Pair) + Sync) {
    std::thread::scope(|threads| {
        for name in NAMES {
            let check = &check;
            threads.spawn(move || Pair::open(name).map(|pair| check(&pair)));
        }
    });
}

#[test]
fn every_scalar() {
    each(|pair| {
        let (mut compared, mut left_out) = (0, 0);
        for c in '\0'..=char::MAX {
            let text = format!("{c}{c}a{c}1{c}! {c}  {c}{c}\n{c}'{c}'s{c}\u{301}e{c} x{c}<{c}");
            match pair.agree(&text) & pair.agree(&c.to_string()) & pair.agree(&format!("a {c}")) {
                true => compared += 1,
                false => left_out += 1,
            }
        }
        println!("{}: {compared} scalars, {left_out} that were normalized otherwise in Unicode 9", pair.name);
        assert!(left_out < 100, "{left_out}");
    });
}

/// A random number from 0 to `below` - 1.
struct Rng(u64);

impl Rng {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.next(of.len())]
    }
}

const WORDS: [&str; 40] = [
    "the", "Hello", "WORLD", "naïve", "e\u{301}", "don't", "I'LL", "'s", "'S", "'ſ", "über", "straße", "Ǆ", "你好", "こんにちは", "안녕", "привет", "שלום", "مرحبا",
    "नमस्ते", "ไทย", "😀", "👩‍👩‍👧", "🇩🇪", "½", "Ⅷ", "٣", "123", "4567890", "fn", "main()", "{}", "->", "::", "...", "—", "ﬁ", "\u{1100}\u{1161}", "▁", "▁▁the",
];
const SPACES: [&str; 14] = [" ", "  ", "    ", "\n", "\n\n", "\r\n", "\t", " \n ", "\u{a0}", "\u{3000}", "\u{2028}", "", "", ""];
const SPECIAL: [&str; 22] = [
    "<|im_start|>", "<|im_end|>", "<think>", "</tool_call>", "<|begin_of_text|>", "<|eot_id|>", "<s>", "</s>", "<unk>", "<bos>", "<start_of_turn>", "<unused7>",
    "<|", "|>", "<0x0A>", "<|im_start", "[multimodal]", "<table>", "<h1>", "</em>", "<mask>", "\n\n\n\n",
];

fn random_text(rng: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..rng.next(24) {
        match rng.next(12) {
            0..5 => text += rng.pick(&WORDS),
            5..8 => text += rng.pick(&SPACES),
            8 => text += rng.pick(&SPECIAL),
            9 => text.extend((0..1 + rng.next(12)).map(|_| (b'a' + rng.next(26) as u8) as char)),
            10 => text.extend((0..1 + rng.next(8)).map(|_| (b'!' + rng.next(94) as u8) as char)),
            _ => {
                let most = [0x80, 0x800, 0x3000, 0x1_0000, 0x11_0000][rng.next(5)];
                text.extend((0..1 + rng.next(4)).filter_map(|_| char::from_u32(rng.next(most) as u32)));
            }
        }
    }
    text
}

#[test]
fn random_texts() {
    const CASES: usize = 100_000;
    each(|pair| {
        let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
        let compared = (0..CASES).filter(|_| pair.agree(&random_text(&mut rng))).count();
        println!("{}: {compared} of {CASES} random texts", pair.name);
        assert!(compared > CASES * 9 / 10);
    });
}

#[test]
fn runs_of_one_character() {
    each(|pair| {
        for unit in ["a", "ab", " ", "\n", "=", "0", "e\u{301}", "你", "▁", "\u{10ffff}"] {
            for times in [2, 3, 7, 15, 16, 17, 31, 32, 99, 100, 129, 1000] {
                pair.agree(&unit.repeat(times));
                pair.agree(&format!("{}x", unit.repeat(times)));
            }
        }
    });
}
