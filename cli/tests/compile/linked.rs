//! Objects with their header, in C and C++.

use crate::case::{self, Case, listed};
use crate::support::Fixture;
use crate::{are_there, printed};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A machine that runs programs of C.
struct Board {
    target: &'static str,
    /// The prefix of its compiler's name, and of `nm`'s.
    tools: &'static str,
    emulator: &'static [&'static str],
}

const WARNINGS: &[&str] = &[
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wshadow",
    "-Werror",
];

/// What a program does with each model: all inputs at once and token by token, a copy that goes on, refusals.
const RUN: &str = r#"
static void run_NAME(const uint32_t *tokens, size_t count) {
    static NAME_model model, copy, moved;
    size_t i;
    memset(&model, 0x55, sizeof model);
    NAME_reset(&model);
    if (NAME_prefill(&model, tokens, 0) != NAME_EMPTY) exit(1);
    if (NAME_step(&model, NAME_VOCAB) != NAME_TOKEN || model.position != 0) exit(2);
    if (NAME_prefill(&model, tokens, count) != NAME_OK || model.position != count) exit(3);
    memset(&copy, 0x55, sizeof copy);
    NAME_reset(&copy);
    for (i = 0; i < count; i++) {
        moved = copy;
        if (NAME_step(&moved, tokens[i]) != NAME_OK) exit(4);
        copy = moved;
    }
    for (i = 0; i < NAME_LOGITS; i++) {
        uint32_t bits;
        memcpy(&bits, &NAME_logits(&model)[i], sizeof bits);
        printf("%08x ", (unsigned)bits);
    }
    if (memcmp(NAME_logits(&model), NAME_logits(&copy), 4 * NAME_LOGITS) != 0) exit(5);
    printf("%u\n", (unsigned)NAME_argmax(&model));
}
"#;

/// The same of a classifier, and its class.
const CLASSIFY: &str = r#"
static void classify_NAME(const uint32_t *tokens, size_t count) {
    static NAME_model model;
    uint32_t class_index = NAME_CLASSES;
    run_NAME(tokens, count);
    if (NAME_classify(&model, tokens, count, &class_index) != NAME_OK) exit(6);
    if (class_index != NAME_argmax(&model) || class_index >= NAME_CLASSES) exit(7);
    /* What is refused changes nothing. */
    const uint32_t wrong[2] = {0, NAME_VOCAB};
    if (NAME_classify(&model, wrong, 2, &class_index) != NAME_TOKEN) exit(8);
    if (NAME_classify(&model, wrong, 0, &class_index) != NAME_EMPTY) exit(9);
    if (model.position != count || class_index != NAME_argmax(&model)) exit(10);
}
"#;

/// Bytes from a file beside the program, which are those that the header speaks of.
const LOAD: &str = r#"
const unsigned char *NAME_weights;
static void load_NAME(void) {
    /* Not at a multiple of more than 4. */
    static uint32_t blob[NAME_WEIGHTS / 4 + 1];
    unsigned char *bytes = (unsigned char *)(blob + 1);
    FILE *file = fopen("NAME.weights", "rb");
    uint32_t sum = 0xffffffffu;
    size_t i;
    int bit;
    if (!file || fread(bytes, 1, NAME_WEIGHTS, file) != NAME_WEIGHTS || fgetc(file) != EOF) exit(8);
    fclose(file);
    for (i = 0; i < NAME_WEIGHTS; i++) {
        sum ^= bytes[i];
        for (bit = 0; bit < 8; bit++) sum = (sum >> 1) ^ (sum & 1 ? 0xedb88320u : 0);
    }
    if (~sum != NAME_WEIGHTS_CRC32) exit(9);
    NAME_weights = bytes;
}
"#;

/// A program over the objects of all cases, which prints what the command is expected to.
fn program(cases: &[Case], is_blob: bool) -> String {
    let (mut text, mut main) = (String::new(), String::new());
    for case in cases {
        let name = &case.name;
        let run = match case.question.command {
            "classify" => "classify",
            _ => "run",
        };
        let _ = writeln!(text, "#include \"{name}.h\"");
        let _ = writeln!(main, "puts(\"{name}\");");
        if is_blob {
            let _ = writeln!(main, "load_{name}();");
        }
        for tokens in &case.inputs {
            let (ids, count) = (listed(tokens), tokens.len());
            let _ = writeln!(
                main,
                "{{ const uint32_t tokens[] = {{{ids}}}; {run}_{name}(tokens, {count}); }}"
            );
        }
    }
    text += "#include <stdio.h>\n#include <stdlib.h>\n";
    for case in cases {
        let is_classifier = case.question.command == "classify";
        let parts = [(is_blob, LOAD), (true, RUN), (is_classifier, CLASSIFY)];
        for (_, part) in parts.iter().filter(|(wanted, _)| *wanted) {
            let upper = format!("{}_", case.name.to_uppercase());
            let lower = case.name.as_str();
            text += &named(part, &upper, lower);
        }
    }
    let _ = writeln!(text, "int main(void) {{\n{main}return 0;\n}}");
    text
}

/// The text with `NAME` replaced: in capitals where capitals follow, and otherwise as it is.
fn named(text: &str, upper: &str, lower: &str) -> String {
    let mut parts = text.split("NAME");
    let mut named = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let rest = part
            .strip_prefix('_')
            .filter(|rest| rest.starts_with(char::is_uppercase));
        match rest {
            Some(rest) => named = named + upper + rest,
            None => named = named + lower + part,
        }
    }
    named
}

impl Board {
    fn tool(&self, name: &str) -> String {
        format!("{}{name}", self.tools)
    }

    /// Whether its tools are there, and this build makes code for it.
    fn is_there(&self, fixture: &Fixture) -> bool {
        let (gcc, nm) = (self.tool("gcc"), self.tool("nm"));
        let mut programs = vec![&*gcc, &*nm];
        programs.extend(self.emulator.first());
        if !are_there(&programs) {
            return false;
        }
        let (target, out) = (self.target, "asked");
        let said = fixture.run(&["compile", "cl.bin", "--target", target, "--out", out]);
        let is_missing = said.err.contains("has no back end for");
        if is_missing {
            assert_eq!((said.code, said.err.lines().count()), (Some(2), 1));
            assert!(said.err.contains("or --target rust"), "{said:?}");
            println!("skipped: no back end for {target}, which a feature adds");
        }
        !is_missing
    }

    /// Compiles every model and holds a program over them to the command's answers.
    fn agrees(&self, cases: &[Case], fixture: &Fixture, is_blob: bool) {
        let out = fixture.path("linked");
        let folder = out.to_str().unwrap();
        let more: &[&str] = match is_blob {
            true => &["--blob", "--out", folder],
            false => &["--out", folder],
        };
        for case in cases {
            fixture.ok(&case.compile(self.target, more));
            self.check_symbols(&out, &case.name, is_blob);
        }
        fs::write(out.join("main.c"), program(cases, is_blob)).unwrap();
        let mut gcc = Command::new(self.tool("gcc"));
        gcc.args(["-std=c99", "-O1"]).args(WARNINGS);
        // For an emulator, which has no libraries of the other machine.
        gcc.args((!self.emulator.is_empty()).then_some("-static"));
        gcc.args(["-o", "program", "main.c"]);
        gcc.args(cases.iter().map(|case| format!("{}.o", case.name)));
        printed(gcc.current_dir(&out));
        let mut run = match self.emulator.split_first() {
            None => Command::new("./program"),
            Some((emulator, args)) => {
                let mut run = Command::new(emulator);
                run.args(args).arg("./program");
                run
            }
        };
        let found = printed(run.current_dir(&out));
        let expected: String = cases.iter().map(Case::expected).collect();
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(found, expected, "{}, blob: {is_blob}", self.target);
        }
        assert_eq!(found.len(), expected.len());
    }

    /// The object defines what its header says, and asks for nothing.
    fn check_symbols(&self, folder: &Path, name: &str, is_blob: bool) {
        let mut nm = Command::new(self.tool("nm"));
        nm.args(["-g", &format!("{name}.o")]).current_dir(folder);
        let symbols = printed(&mut nm);
        let mut found: Vec<(&str, &str)> = symbols
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace().rev();
                Some((words.next()?, words.next()?))
            })
            .collect();
        found.sort_unstable();
        let [body, head, weights] = ["body", "head", "weights"].map(|s| format!("{name}_{s}"));
        let mut expected = vec![(&*body, "T"), (&*head, "T")];
        if !is_blob {
            expected.push((&*weights, "R"));
        }
        assert_eq!(found, expected, "{}", self.target);
    }
}

fn agree(boards: &[Board]) {
    let fixture = Fixture::new();
    let cases = case::all(&fixture);
    for board in boards {
        if board.is_there(&fixture) {
            board.agrees(&cases, &fixture, false);
        }
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn objects_for_this_machine_have_the_commands_bits() {
    let board = |target| Board {
        target,
        tools: "",
        emulator: &[],
    };
    let mut boards = vec![board("native"), board("x86-64-v2")];
    if std::arch::is_x86_feature_detected!("avx2") {
        boards.push(board("x86-64-v3"));
    }
    if std::arch::is_x86_feature_detected!("avx512vl") {
        boards.push(board("x86-64-v4"));
    }
    agree(&boards);
    let fixture = Fixture::new();
    if board("native").is_there(&fixture) {
        board("native").agrees(&case::all(&fixture), &fixture, true);
    }
}

#[test]
fn objects_for_aarch64_have_the_commands_bits() {
    let tools = "aarch64-linux-gnu-";
    agree(&[
        Board {
            target: "aarch64",
            tools,
            emulator: &["qemu-aarch64", "-cpu", "cortex-a72"],
        },
        Board {
            target: "cortex-a76",
            tools,
            emulator: &["qemu-aarch64", "-cpu", "cortex-a76"],
        },
    ]);
}

#[test]
fn objects_for_risc_v_have_the_commands_bits() {
    // Vectors of 128 bits, and longer ones, of which the code uses as many.
    let emulators: [&'static [&'static str]; 2] = [
        &[
            "qemu-riscv64",
            "-cpu",
            "rv64,v=true,vext_spec=v1.0,vlen=128",
        ],
        &[
            "qemu-riscv64",
            "-cpu",
            "rv64,v=true,vext_spec=v1.0,vlen=256",
        ],
    ];
    agree(&emulators.map(|emulator| Board {
        target: "riscv64gcv",
        tools: "riscv64-linux-gnu-",
        emulator,
    }));
}

#[test]
fn the_header_is_c_and_cpp_without_a_warning() {
    if !are_there(&["gcc", "g++"]) {
        return;
    }
    let fixture = Fixture::new();
    for model in ["lm.bin", "cl.bin"] {
        for more in [&[][..], &["--blob"]] {
            let args = ["compile", model, "--name", "net", "--out", "out", "--force"];
            fixture.ok(&[&args[..], &["--target", "native", "--quiet"], more].concat());
            for (compiler, language, std) in [
                ("gcc", "c", "-std=c99"),
                ("gcc", "c", "-std=c11"),
                ("g++", "c++", "-std=c++17"),
            ] {
                let mut check = Command::new(compiler);
                check
                    .args([std, "-fsyntax-only", "-x", language])
                    .args(WARNINGS);
                // Not as the main file, which is asked about more.
                fs::write(fixture.path("out/use.c"), "#include \"net.h\"\n").unwrap();
                printed(check.arg("use.c").current_dir(fixture.path("out")));
            }
        }
    }
}
