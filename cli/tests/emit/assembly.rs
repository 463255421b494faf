//! Assembly, held to an assembler: it takes all of it, and for AArch64 makes the object's words.

use super::{code, flags, has_back_end, kinds};
use crate::support::Fixture;
use atome_spec::Kind;
use std::fs;
use std::path::Path;
use std::process::Command;

/// An assembler for an architecture: its name and its flags.
type Assembler = (&'static str, &'static [&'static str]);

const X86_64: &[Assembler] = &[
    ("x86_64-linux-gnu-as", &["--64", "--fatal-warnings"]),
    ("llvm-mc", &["-triple=x86_64-linux-gnu", "-filetype=obj"]),
    (
        "clang",
        &["--target=x86_64-linux-gnu", "-c", "-x", "assembler"],
    ),
];
const AARCH64: &[Assembler] = &[
    ("aarch64-linux-gnu-as", &["--fatal-warnings"]),
    // Its older versions do not hear of extensions from the file.
    (
        "llvm-mc",
        &[
            "-triple=aarch64-linux-gnu",
            "-mattr=+dotprod,+fullfp16",
            "-filetype=obj",
        ],
    ),
    (
        "clang",
        &["--target=aarch64-linux-gnu", "-c", "-x", "assembler"],
    ),
];

/// The first of some assemblers that is here.
fn find(assemblers: &[Assembler]) -> Option<Assembler> {
    let here = |(name, _): &&Assembler| Command::new(name).arg("--version").output().is_ok();
    let found = assemblers.iter().find(here).copied();
    if found.is_none() {
        println!("skipped: none of {assemblers:?} is here");
    }
    found
}

fn assemble((program, flags): Assembler, source: &Path, object: &Path, what: &str) {
    let mut command = Command::new(program);
    command.args(flags).arg("-o").arg(object).arg(source);
    let output = command.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && err.is_empty(), "{what}: {err}");
}

#[test]
fn x86_64_assembles() {
    let Some(assembler) = find(X86_64) else {
        return;
    };
    let fixture = Fixture::new();
    if !has_back_end(&fixture, "x86-64-v2") {
        return;
    }
    let (source, object) = (fixture.path("kernel.s"), fixture.path("kernel.o"));
    for target in ["x86-64-v2", "x86-64-v3", "x86-64-v4"] {
        for kind in kinds() {
            let text = code(&fixture, &kind, target, &["--as", "asm"]);
            fs::write(&source, &text).unwrap();
            assemble(
                assembler,
                &source,
                &object,
                &format!("{kind:?} for {target}"),
            );
            for odd in ["(%rip)", "<offset", "uninit"] {
                let odd = text.lines().find(|line| line.contains(&format!(" {odd}")));
                assert_eq!(odd, None, "{kind:?} for {target}");
            }
        }
    }
}

#[test]
fn aarch64_assembles_to_the_words_of_the_object() {
    let Some(assembler) = find(AARCH64) else {
        return;
    };
    let fixture = Fixture::new();
    if !has_back_end(&fixture, "aarch64") {
        return;
    }
    let (source, assembled) = (fixture.path("kernel.s"), fixture.path("kernel.o"));
    let object = fixture.path("object.o");
    for target in ["cortex-a76", "aarch64"] {
        let mut listed = 0;
        for kind in kinds() {
            let what = format!("{kind:?} for {target}");
            let Some(text) = listing(&fixture, &kind, target) else {
                continue;
            };
            listed += 1;
            fs::write(&source, text).unwrap();
            assemble(assembler, &source, &assembled, &what);
            let output = object.to_str().unwrap();
            let more = ["--as", "object", "--force", "-o", output];
            code(&fixture, &kind, target, &more);
            let words = |path| work(&text_section(&fs::read(path).unwrap()));
            let (found, expected) = (words(&assembled), words(&object));
            assert!(expected.len() > 10, "{what}");
            let differ = found.iter().zip(&expected).position(|(a, b)| a != b);
            assert_eq!((differ, found.len()), (None, expected.len()), "{what}");
        }
        // Products with panels are a few of all.
        assert!(2 * listed > kinds().len(), "{listed} for {target}");
    }
}

/// The assembly of a kernel; `None` if it keeps something on the stack, which is refused in a line.
fn listing(fixture: &Fixture, kind: &Kind, target: &str) -> Option<String> {
    let mut args = vec!["emit", "-q", "--target", target, "--as", "asm"];
    let flags = flags(kind);
    args.extend(flags.iter().map(String::as_str));
    let said = fixture.run(&args);
    if said.code == Some(0) {
        return Some(said.out);
    }
    let is_on_stack = said.err.contains("it has scratch memory");
    assert!(
        is_on_stack && said.err.lines().count() == 1,
        "{args:?}: {said:?}"
    );
    None
}

/// The words of a function up to its return, without its branches: where they go is left to the
/// assembler, which keeps some that Cranelift folds; and without the places of its constants.
fn work(code: &[u8]) -> Vec<u32> {
    const RETURN: u32 = 0xd65f_03c0;
    let words = code
        .as_chunks()
        .0
        .iter()
        .map(|word| u32::from_le_bytes(*word));
    let words = words.take_while(|&word| word != RETURN);
    let is_branch = |word: u32| {
        let (immediate, condition) = (word & 0xfc00_0000, word & 0xff00_0010);
        let compare = word & 0x7e00_0000;
        immediate == 0x1400_0000
            || condition == 0x5400_0000
            || compare == 0x3400_0000
            || compare == 0x3600_0000
    };
    let without_place = |word: u32| match word & 0xff00_0000 {
        0x9c00_0000 => word & 0xff00_001f,
        _ => word,
    };
    let words = words.filter(|&word| !is_branch(word)).map(without_place);
    words.map(scaled).collect()
}

/// A load or store at an offset in bytes as one at an offset in elements, which an assembler
/// prefers where there are both.
fn scaled(word: u32) -> u32 {
    let (size, is_vector, opcode) = (word >> 30, word & 1 << 26 != 0, word >> 22 & 3);
    let scale = if is_vector && opcode > 1 { 4 } else { size };
    let bytes = word >> 12 & 0x1ff;
    let is_unscaled = word & 0x3b20_0c00 == 0x3800_0000;
    if is_unscaled && bytes < 0x100 && bytes.is_multiple_of(1 << scale) {
        (word & 0xffc0_03ff) | 1 << 24 | (bytes >> scale) << 10
    } else {
        word
    }
}

/// The `.text` of an object: the first section with instructions.
fn text_section(object: &[u8]) -> Vec<u8> {
    const EXECUTABLE: u64 = 4;
    let number = |at: usize, len: usize| {
        let bytes = object[at..at + len].iter().rev();
        bytes.fold(0u64, |n, &byte| n << 8 | u64::from(byte)) as usize
    };
    let (table, entry, count) = (number(0x28, 8), number(0x3a, 2), number(0x3c, 2));
    let mut headers = (0..count).map(|i| table + i * entry);
    let header =
        headers.find(|&at| number(at + 8, 8) as u64 & EXECUTABLE != 0 && number(at + 0x20, 8) > 0);
    let header = header.expect("an object has code");
    let (start, len) = (number(header + 0x18, 8), number(header + 0x20, 8));
    object[start..start + len].to_vec()
}
