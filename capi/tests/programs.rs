//! Programs in C and C++ over the library: the examples, every kind of wrong argument, the bits of models; plain, and under
//! AddressSanitizer. Where there is no C compiler they say that they skipped.
#![cfg(unix)]

mod support;

use atome::checkpoint::{Checkpoint, write_atome01, write_atomecl01, write_container};
use atome::families::AtomeConfig;
use atome::format::ContainerOptions;
use atome::{BackendKind, Model, Options, Packing};
use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};
use support::{MODEL, ROWS, SYSTEM, WARNINGS, here, said, told};
use tempfile::TempDir;

/// The library for tests.
const EXAMPLE: &str = "atome_of_tests";

/// The folder with the library, built as this test is, with the features of the whole workspace, so that nothing else is built
/// again.
fn library() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = env::current_exe().expect("a path");
        let profile = test.ancestors().nth(2).expect("target/PROFILE/deps");
        let (target, name) = (profile.parent(), profile.file_name());
        let name = name.and_then(OsStr::to_str).expect("a name");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--workspace", "--example", EXAMPLE, "--offline"]);
        cargo.args(["--profile", if name == "debug" { "dev" } else { name }]);
        cargo.arg("--target-dir").arg(target.expect("target"));
        cargo.arg("--quiet").current_dir(here(""));
        assert!(cargo.status().expect("cargo runs").success());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi");
        fs::create_dir_all(&folder).expect("a folder");
        for suffix in ["a", "so"] {
            let made = profile.join(format!("examples/lib{EXAMPLE}.{suffix}"));
            let name = folder.join(format!("libatome.{suffix}"));
            // One of an earlier run.
            let _ = fs::remove_file(&name);
            symlink(made, name).expect("linked");
        }
        folder
    })
}

/// How a program is linked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    Static,
    Shared,
    /// With AddressSanitizer and the checks for undefined behaviour.
    Sanitized,
}

/// Programs made here.
struct Workshop {
    folder: TempDir,
}

impl Workshop {
    /// `None` where there is no C compiler of this kind.
    fn new(compiler: &str) -> Option<Workshop> {
        let is_linux = cfg!(all(target_os = "linux", not(target_env = "musl")));
        if !is_linux || Command::new(compiler).arg("--version").output().is_err() {
            println!("skipped: there is no `{compiler}` for this system");
            return None;
        }
        let folder = TempDir::new().expect("a folder");
        Some(Workshop { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Compiles a program; `None` where there are no sanitizers.
    fn program(&self, source: &str, link: Link) -> Option<Command> {
        let is_c = source.ends_with(".c");
        let made = self.path("program");
        let mut compiler = Command::new(if is_c { "cc" } else { "c++" });
        compiler.arg(if is_c { "-std=c99" } else { "-std=c++17" });
        compiler.args(WARNINGS).args(["-g", "-O1", "-o"]).arg(&made);
        compiler.arg(here(source)).arg("-I").arg(here("include"));
        match link {
            Link::Static => compiler.arg(library().join("libatome.a")),
            Link::Sanitized => compiler
                .arg("-fsanitize=address,undefined")
                .arg(library().join("libatome.a")),
            Link::Shared => compiler.arg("-L").arg(library()).arg("-latome"),
        };
        compiler.args(SYSTEM);
        if link == Link::Sanitized && !self.has_sanitizers() {
            println!("skipped: the C compiler has no sanitizers");
            return None;
        }
        said(&mut compiler);
        let mut program = Command::new(made);
        program
            .env("LD_LIBRARY_PATH", library())
            .env("ATOME_TUNE", "");
        Some(program)
    }

    fn has_sanitizers(&self) -> bool {
        let (empty, made) = (self.path("empty.c"), self.path("empty"));
        fs::write(&empty, "int main(void) { return 0; }\n").expect("written");
        let mut compiler = Command::new("cc");
        compiler.arg("-fsanitize=address,undefined").arg(empty);
        let output = compiler.arg("-o").arg(made).output();
        output.is_ok_and(|output| output.status.success())
    }
}

#[test]
fn the_header_is_c99_and_cpp17() {
    let Some(shop) = Workshop::new("cc") else {
        return;
    };
    let header = here("include/atome.h");
    for standard in ["c99", "c11", "c17"] {
        let mut compiler = Command::new("cc");
        compiler.args(["-x", "c", "-fsyntax-only", &format!("-std={standard}")]);
        said(compiler.args(WARNINGS).arg(&header));
    }
    if Workshop::new("c++").is_some() {
        let mut compiler = Command::new("c++");
        compiler.args(["-x", "c++", "-fsyntax-only", "-std=c++17"]);
        said(compiler.args(WARNINGS).arg(&header));
    }
    drop(shop);
}

#[test]
fn rows_are_those_of_the_specification() {
    let Some(shop) = Workshop::new("cc") else {
        return;
    };
    for link in [Link::Static, Link::Shared, Link::Sanitized] {
        let Some(mut program) = shop.program("examples/rows.c", link) else {
            continue;
        };
        assert_eq!(said(&mut program), ROWS, "{link:?}");
    }
}

#[test]
fn a_story_is_the_librarys() {
    let Some(shop) = Workshop::new("cc") else {
        return;
    };
    let prompt = "And the king";
    for link in [Link::Static, Link::Shared, Link::Sanitized] {
        let Some(mut program) = shop.program("examples/story.c", link) else {
            continue;
        };
        let text = said(program.arg(here(MODEL)).arg(prompt));
        assert_eq!(
            text,
            format!("{prompt}{}\n", told(prompt, 7, 100)),
            "{link:?}"
        );
    }
}

#[test]
fn branches_are_the_librarys() {
    let Some(shop) = Workshop::new("c++") else {
        return;
    };
    let prompt = "And the king";
    for link in [Link::Static, Link::Sanitized] {
        let Some(mut program) = shop.program("examples/branches.cpp", link) else {
            continue;
        };
        let text = said(program.arg(here(MODEL)).arg(prompt));
        let line = |seed| format!("{seed}: {prompt}{}\n", told(prompt, seed, 40));
        assert_eq!(text, (1..=3).map(line).collect::<String>(), "{link:?}");
    }
}

#[test]
fn wrong_arguments_have_a_status() {
    let Some(shop) = Workshop::new("cc") else {
        return;
    };
    for link in [Link::Static, Link::Sanitized] {
        let Some(mut program) = shop.program("tests/c/border.c", link) else {
            continue;
        };
        assert_eq!(said(program.arg(here(MODEL))), "", "{link:?}");
    }
}

const CONFIG: AtomeConfig = AtomeConfig {
    vocab_size: 300,
    d_model: 72,
    n_layers: 2,
    d_head: 8,
    top_k: 2,
    kernel_size: 3,
    max_seq: 16,
};

/// What `tests/c/bits.c` prints of a model.
fn bits(model: &Checkpoint) -> String {
    let options = Options {
        backend: BackendKind::Aot,
        ..Options::default()
    };
    let model = Model::from_checkpoint(model, &options).expect("a model");
    let mut session = model.session().expect("a session");
    let mut text = String::new();
    let mut print = |session: &atome::Session, times: usize| {
        let bits = session
            .logits()
            .iter()
            .map(|x| format!("{:08x}", x.to_bits()));
        let line = bits.collect::<Vec<_>>().join(" ");
        let line = format!("{line}\n{} {}\n", session.argmax(), session.position());
        text.push_str(&line.repeat(times));
    };
    print(&session, 1);
    session.prefill(&[1, 5, 3, 2, 7, 0, 4]).expect("taken in");
    print(&session, 2);
    let class = session.argmax();
    session.step(6).expect("taken in");
    print(&session, 2);
    if model.classes().is_some() {
        text.push_str(&format!("class {class}\n"));
    }
    text
}

#[test]
fn models_have_their_bits() {
    let Some(shop) = Workshop::new("cc") else {
        return;
    };
    let [model, classifier] =
        [None, Some(5)].map(|classes| Checkpoint::random(CONFIG, classes, 11));
    let write = |name: &str, bytes: &[u8]| fs::write(shop.path(name), bytes).expect("written");
    let options = ContainerOptions::packing(Packing::Int2);
    let container = |model| write_container(model, &options).expect("written");
    write("model.safetensors", &container(&model));
    write("classifier.safetensors", &container(&classifier));
    write("model.bin", &write_atome01(&model).expect("written"));
    write(
        "classifier.bin",
        &write_atomecl01(&classifier).expect("written"),
    );
    let json = serde_json::to_vec(&CONFIG).expect("numbers");
    write("config.json", &json);
    for link in [Link::Static, Link::Sanitized] {
        for (name, model) in [("model", &model), ("classifier", &classifier)] {
            let expected = bits(model);
            for (suffix, config) in [("safetensors", None), ("bin", Some("config.json"))] {
                let Some(mut program) = shop.program("tests/c/bits.c", link) else {
                    continue;
                };
                program.arg(shop.path(&format!("{name}.{suffix}")));
                program.args(config.map(|config| shop.path(config)));
                assert_eq!(said(&mut program), expected, "{name}.{suffix}, {link:?}");
            }
        }
    }
}

/// What is installed is found by pkg-config, and by CMake where that is there.
#[test]
fn an_installed_library_is_found() {
    let Some(shop) = Workshop::new("cc") else {
        return;
    };
    let place = |from: PathBuf, to: &str| {
        let to = shop.path("prefix").join(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(from, to).expect("copied");
    };
    place(here("include/atome.h"), "include/atome.h");
    place(here("atome.pc"), "lib/pkgconfig/atome.pc");
    for name in ["atome-config.cmake", "atome-config-version.cmake"] {
        place(here("cmake").join(name), &format!("lib/cmake/atome/{name}"));
    }
    for name in ["libatome.a", "libatome.so"] {
        place(library().join(name), &format!("lib/{name}"));
    }
    let prefix = shop.path("prefix");
    let mut pkg_config = Command::new("pkg-config");
    pkg_config.args(["--cflags", "--libs", "atome >= 0.1"]);
    pkg_config.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    match pkg_config.output() {
        Err(_) => println!("skipped: there is no pkg-config"),
        Ok(_) => {
            let flags = said(&mut pkg_config);
            let made = shop.path("rows");
            let mut cc = Command::new("cc");
            cc.arg(here("examples/rows.c")).arg("-o").arg(&made);
            said(cc.args(flags.split_whitespace()));
            said(Command::new(made).env("LD_LIBRARY_PATH", prefix.join("lib")));
        }
    }
    if Command::new("cmake").arg("--version").output().is_err() {
        println!("skipped: there is no CMake");
        return;
    }
    fs::copy(here("examples/rows.c"), shop.path("rows.c")).expect("copied");
    let lists = "cmake_minimum_required(VERSION 3.10)\nproject(rows C)\nfind_package(atome 0.1 REQUIRED)\n\
                 add_executable(shared rows.c)\ntarget_link_libraries(shared atome::atome)\n\
                 add_executable(static rows.c)\ntarget_link_libraries(static atome::static)\n";
    fs::write(shop.path("CMakeLists.txt"), lists).expect("written");
    let build = shop.path("build");
    let mut cmake = Command::new("cmake");
    cmake
        .arg("-S")
        .arg(shop.folder.path())
        .arg("-B")
        .arg(&build);
    said(cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())));
    said(Command::new("cmake").arg("--build").arg(&build));
    for program in ["shared", "static"] {
        said(&mut Command::new(build.join(program)));
    }
}

/// The page's program is the example, and the README's runs.
#[test]
fn documented_programs_are_programs() {
    let text = |path: &str| fs::read_to_string(here(path)).expect("text");
    let example = text("examples/story.c");
    assert!(text("../docs/c.md").contains(&format!("```c\n{example}```\n")));

    let Some(shop) = Workshop::new("cc") else {
        return;
    };
    let readme = text("../README.md");
    let (_, after) = readme.split_once("```c\n").expect("a program");
    let (program, _) = after.split_once("```\n").expect("its end");
    let source = shop.path("readme.c");
    fs::write(&source, program).expect("written");
    let mut program = shop.program(&source.to_string_lossy(), Link::Static);
    let program = program.as_mut().expect("not sanitized");
    assert_eq!(said(program.current_dir(here(".."))), "0.0 0.5 0.5, h\n");
}
