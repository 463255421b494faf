//! The table of numbers in the README, and the pictures beside the records, are what the records say.

use atome_benches::{Record, RecordFile, roofline};
use std::fs;
use std::path::{Path, PathBuf};

/// The records beside each other, and what their columns are called.
const COLUMNS: [(&str, &str); 2] = [
    ("AVX-512 VNNI", "record/epyc-zen5/2026-11-26.jsonl"),
    ("AVX2", "record/epyc-zen5/2026-11-26-avx2.jsonl"),
];
const BEGIN: &str =
    "<!-- from the records: cargo test -p atome-benches --test readme -- --ignored -->\n";
const END: &str = "<!-- end of what is from the records -->\n";

/// What a row says of a record.
#[derive(Clone, Copy)]
enum Says {
    /// 10^9 a second.
    Rate,
    /// The same, and the part of the limit.
    RateOf,
    /// A time, and the part of the limit.
    TimeOf,
    /// A time.
    Time,
    /// A time, tokens a second, and the part of the limit.
    TokensOf,
}
use Says::{Rate, RateOf, Time, TimeOf, TokensOf};

/// What a record is found by: how its name begins before the instruction set, how it ends after it, and threads.
type Key = (&'static str, &'static str, usize);

/// Rows: what, how it is said, and the records whose figures stand there, with a slash between.
const ROWS: &[(&str, Says, &[Key])] = &[
    (
        "limit of int8 dot products: `gemv` / `gemm`",
        Rate,
        &[("limit-gemv-", "", 1), ("limit-gemm-", "", 1)],
    ),
    (
        "limit of look-ups / of f32 selects",
        Rate,
        &[("limit-look_up-", "", 1), ("limit-select-", "", 1)],
    ),
    (
        "reading the second / third cache",
        Rate,
        &[("limit-l2-", "", 1), ("limit-l3-", "", 1)],
    ),
    (
        "reading memory, pages of 4 KB / 2 MB",
        Rate,
        &[("limit-dram-", "/4K", 1), ("limit-dram-", "/2M", 1)],
    ),
    (
        "`gemv` int2 x int8, 1024 x 4096",
        RateOf,
        &[("gemv-int2-i8-", "/1024x4096", 1)],
    ),
    (
        "`gemv` int2 x int8, 4096 x 4096",
        RateOf,
        &[("gemv-int2-i8-", "/4096x4096", 1)],
    ),
    (
        "the same by 400 million weights from memory, one / two threads",
        RateOf,
        &[
            ("gemv-int2-i8-", "/98304x4096/2M", 1),
            ("gemv-int2-i8-", "/98304x4096/2M", 2),
        ],
    ),
    (
        "`gemv` base3 x int8, 1024 x 4096",
        RateOf,
        &[("gemv-base3-i8-", "/1024x4096", 1)],
    ),
    (
        "the same by 400 million weights from memory, one / two threads",
        RateOf,
        &[
            ("gemv-base3-i8-", "/98304x4096/2M", 1),
            ("gemv-base3-i8-", "/98304x4096/2M", 2),
        ],
    ),
    (
        "`gemm` int2 x int8, 4096 x 4096, 8 / 64 / 512 tokens",
        RateOf,
        &[
            ("gemm-int2-i8-", "/4096x4096/T=8", 1),
            ("gemm-int2-i8-", "/4096x4096/T=64", 1),
            ("gemm-int2-i8-", "/4096x4096/T=512", 1),
        ],
    ),
    (
        "`gemm` base3 x int8, 4096 x 4096, 64 tokens",
        RateOf,
        &[("gemm-base3-i8-", "/4096x4096/T=64", 1)],
    ),
    (
        "`gemv` int2 x f32, 1024 x 4096",
        RateOf,
        &[("gemv-int2-f32-", "/1024x4096", 1)],
    ),
    (
        "`gemm` int2 x f32, 1024 x 4096, 64 tokens",
        RateOf,
        &[("gemm-int2-f32-", "/1024x4096/T=64", 1)],
    ),
    (
        "an embedding row of 4,096, hot, int2 / base3",
        TimeOf,
        &[
            ("embed-int2-f32-", "/32000x4096/hot", 1),
            ("embed-base3-f32-", "/32000x4096/hot", 1),
        ],
    ),
    (
        "the same at random, 64 ids at once, int2 / base3",
        Time,
        &[
            ("embed-int2-f32-", "/32000x4096/batch=64", 1),
            ("embed-base3-f32-", "/32000x4096/batch=64", 1),
        ],
    ),
    (
        "a step of Atome 944K at position 100",
        TokensOf,
        &[("step-atome-", "/944k", 1)],
    ),
    (
        "prefill of 256 tokens, 944K",
        TokensOf,
        &[("prefill-atome-", "/944k/T=256", 1)],
    ),
    (
        "a classification of 32 bytes",
        Time,
        &[("classify-atome-", "/classifier", 1)],
    ),
    (
        "a step of BitMamba-2 255M, one / two threads",
        TokensOf,
        &[
            ("step-bitmamba2-", "/255m", 1),
            ("step-bitmamba2-", "/255m", 2),
        ],
    ),
    (
        "a step of BitMamba-2 1B, one / two threads",
        TokensOf,
        &[("step-bitmamba2-", "/1b", 1), ("step-bitmamba2-", "/1b", 2)],
    ),
    (
        "prefill of 512 tokens, 255M",
        TokensOf,
        &[("prefill-bitmamba2-", "/255m/T=512", 1)],
    ),
    (
        "prefill of 512 tokens, 1B",
        TokensOf,
        &[("prefill-bitmamba2-", "/1b/T=512", 1)],
    ),
    (
        "a token for each of 16 sessions, 255M",
        TokensOf,
        &[("sessions-bitmamba2-", "/255m/B=16", 1)],
    ),
    (
        "a step of MatMul-free LM 24 x 1024",
        TokensOf,
        &[("step-hgrn_bit-", "/24x1024", 1)],
    ),
    (
        "a step of MatMul-free LM 32 x 2560",
        TokensOf,
        &[("step-hgrn_bit-", "/32x2560", 1)],
    ),
    (
        "prefill of 512 tokens, MatMul-free LM 24 x 1024",
        TokensOf,
        &[("prefill-hgrn_bit-", "/24x1024/T=512", 1)],
    ),
    (
        "load and compile 944K / 255M / 1B",
        Time,
        &[
            ("load-atome-", "/944k", 1),
            ("load-bitmamba2-", "/255m", 1),
            ("load-bitmamba2-", "/1b", 1),
        ],
    ),
    (
        "a chain of eight functions over 512 rows of 2,560, in one pass / one by one",
        Time,
        &[
            ("map-f32-", "/2560/T=512", 1),
            ("apart-f32-", "/2560/T=512", 1),
        ],
    ),
];

fn cell(records: &[Record], says: Says, keys: &[Key]) -> String {
    let figures = keys.iter().map(|&(begins, ends, threads)| {
        let is_it = |record: &&Record| {
            let middle = record
                .name
                .strip_prefix(begins)
                .and_then(|rest| rest.strip_suffix(ends));
            record.threads == threads && middle.is_some_and(|isa| !isa.contains('/'))
        };
        let mut found = records.iter().filter(is_it).collect::<Vec<_>>();
        // Where there are several, the faster backend; of limits, those of the best instruction set, which come first.
        if !begins.starts_with("limit-") {
            found.sort_by(|a, b| a.ns.total_cmp(&b.ns));
        }
        let record = found
            .first()
            .unwrap_or_else(|| panic!("no record of {begins}..{ends} x{threads}"));
        figure(record, says)
    });
    figures.collect::<Vec<_>>().join(" / ")
}

fn figure(record: &Record, says: Says) -> String {
    let rate = match record.gmacs {
        Some(gmacs) => format!("{} GMAC/s", significant(gmacs)),
        None => format!("{} GB/s", significant(record.gbps)),
    };
    let part = format!("{:.0} %", 100.0 * record.of_limit);
    let ns = record.ns;
    let time = match ns {
        _ if ns < 1e3 => format!("{} ns", significant(ns)),
        _ if ns < 1e6 => format!("{} us", significant(ns / 1e3)),
        _ if ns < 1e9 => format!("{} ms", significant(ns / 1e6)),
        _ => format!("{} s", significant(ns / 1e9)),
    };
    match says {
        Rate => rate,
        RateOf => format!("{rate}, {part}"),
        Time => time,
        TimeOf => format!("{time}, {part}"),
        TokensOf => {
            let tokens = record.tok_s.expect("tokens a second of a model");
            format!("{time} ({tokens:.0} tok/s), {part}")
        }
    }
}

fn significant(x: f64) -> String {
    match x {
        x if x >= 99.95 => format!("{x:.0}"),
        x if x >= 9.995 => format!("{x:.1}"),
        x => format!("{x:.2}"),
    }
}

fn read(path: &str) -> RecordFile {
    let text = fs::read_to_string(folder().join(path)).unwrap();
    RecordFile::parse(&text).unwrap()
}

/// The table, from the records.
fn table() -> String {
    let records = COLUMNS.map(|(_, path)| read(path).records);
    let heads = COLUMNS.map(|(name, path)| format!("[{name}](benches/{path})"));
    let heads = heads.join(" | ");
    let mut table = format!("| one thread unless said | {heads} |\n|---|---|---|\n");
    for (what, says, keys) in ROWS {
        let cells = records.each_ref();
        let cells = cells.map(|records| cell(records, *says, keys));
        table += &format!("| {what} | {} |\n", cells.join(" | "));
    }
    table
}

/// The pictures, where each is and what is in it.
fn pictures() -> [(PathBuf, String); 2] {
    COLUMNS.map(|(name, path)| {
        let RecordFile { machine, records } = read(path);
        let cpu = machine.expect("a record of some machine").cpu_with(name);
        let picture = roofline(&cpu, &records);
        (folder().join(path).with_extension("svg"), picture)
    })
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README, and where the table begins and ends in it.
fn readme() -> (String, usize, usize) {
    let text = fs::read_to_string(folder().join("../README.md")).unwrap();
    let begin = text.find(BEGIN).expect("where the table begins") + BEGIN.len();
    let end = text.find(END).expect("where the table ends");
    (text, begin, end)
}

#[test]
fn the_table_is_what_the_records_say() {
    let (text, begin, end) = readme();
    assert_eq!(&text[begin..end], table());
}

#[test]
fn the_pictures_are_of_the_records() {
    for (path, picture) in pictures() {
        assert!(fs::read_to_string(&path).unwrap() == picture, "{path:?}");
    }
}

#[test]
#[ignore = "writes the README and the pictures"]
fn write_what_the_records_say() {
    for (path, picture) in pictures() {
        fs::write(path, picture).unwrap();
    }
    let (text, begin, end) = readme();
    let text = format!("{}{}{}", &text[..begin], table(), &text[end..]);
    fs::write(folder().join("../README.md"), text).unwrap();
}
