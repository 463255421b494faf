//! The corpus of the fuzz targets, and what they once found, run as plain tests.
//!
//! `fuzz/corpus/TARGET` has inputs that the target takes, made by `atome_tests::fuzz::seeds`; `fuzz/regressions/TARGET` has
//! inputs that something was wrong with.

use atome_codegen::testing::Rng;
use atome_tests::fuzz::{self, seeds};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, panic};

/// Seconds of [`mutated`] for each target.
const SECONDS: &str = "ATOME_FUZZ_SECONDS";

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz")
        .join(kind)
        .join(target)
}

/// The files of a folder by name; none if it is not there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeMap::new();
    };
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a name in ASCII");
        (name, fs::read(entry.path()).expect("a file"))
    };
    entries
        .map(|entry| read(entry.expect("an entry")))
        .collect()
}

/// Runs a target on every file of a folder and gives the names of those that it takes.
fn replay(target: &str, kind: &str) -> Vec<String> {
    let mut taken = Vec::new();
    for (name, bytes) in files(&folder(kind, target)) {
        match panic::catch_unwind(|| fuzz::run(target, &bytes)) {
            Ok(true) => taken.push(name),
            Ok(false) => {}
            Err(_) => panic!("fuzz/{kind}/{target}/{name}"),
        }
    }
    taken
}

/// Every file of the corpus is taken: a corpus that no longer reaches anything is none.
fn target(name: &str) {
    let corpus = files(&folder("corpus", name));
    assert!(!corpus.is_empty(), "no corpus for {name}");
    let taken = replay(name, "corpus");
    let refused: Vec<&String> = corpus.keys().filter(|f| !taken.contains(f)).collect();
    assert!(refused.is_empty(), "{name} refuses {refused:?}");
    replay(name, "regressions");
}

macro_rules! targets {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() { target(stringify!($name)); })+

        #[test]
        fn no_target_is_left_out() {
            let names = fuzz::TARGETS.map(|(name, _)| name);
            assert_eq!(names, [$(stringify!($name)),+]);
            for name in names {
                let wrapper = folder("fuzz_targets", &format!("{name}.rs"));
                assert!(wrapper.exists(), "{}", wrapper.display());
            }
        }
    };
}

targets! { atome, bit2, container, gguf, floats, config, tokenizer, vocabulary, state, sessions, kernel, graph }

/// Every target on mutations of its corpus, other ones each day. What something is wrong with stays in
/// `fuzz/artifacts/TARGET`.
#[test]
#[ignore = "runs for as long as it is told"]
fn mutated() {
    let seconds = env::var(SECONDS).map_or(Ok(10), |text| text.parse());
    let seconds = Duration::from_secs(seconds.expect("a number of seconds"));
    let day = std::time::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_secs()
        / 86_400;
    std::thread::scope(|threads| {
        for (target, _) in fuzz::TARGETS {
            threads.spawn(move || mutate_for(seconds, target, day));
        }
    });
}

fn mutate_for(seconds: Duration, target: &str, seed: u64) {
    let corpus: Vec<Vec<u8>> = files(&folder("corpus", target)).into_values().collect();
    let words = match target {
        "kernel" | "graph" => target,
        _ => "files",
    };
    let words = folder("", &format!("{words}.dict"));
    let words = fuzz::words(&fs::read_to_string(words).expect("a dictionary"));
    let (mut rng, start) = (Rng::new(seed), Instant::now());
    let (mut runs, mut taken) = (0, 0);
    while start.elapsed() < seconds {
        let bytes = fuzz::mutate(&corpus, &words, &mut rng);
        match panic::catch_unwind(|| fuzz::run(target, &bytes)) {
            Ok(took) => (runs, taken) = (runs + 1, taken + u32::from(took)),
            Err(_) => {
                let file = folder("artifacts", target).join(format!("seed-{seed}-run-{runs}"));
                fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
                fs::write(&file, &bytes).expect("a file");
                panic!("{}", file.display());
            }
        }
    }
    println!("{target}: {runs} mutations run, {taken} taken");
    assert!(runs > 0, "{target}: no time for a mutation");
}

/// Writes the corpus anew; what was in it and is not made any more goes.
#[test]
#[ignore = "writes files: after a format or the text of the IR has changed"]
fn write_the_corpus() {
    for (target, _) in fuzz::TARGETS {
        let folder = folder("corpus", target);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
    }
    for seed in seeds::all() {
        fs::write(folder("corpus", seed.target).join(seed.name), seed.bytes).expect("a file");
    }
}
